"""Whoever waits for SQLite's write lock gets its turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from polardb_bridge.databases.sqlite import base

pytestmark = pytest.mark.django_db  # lets these tests connect

OPTIONS = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"}


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[], BaseDatabaseWrapper]]:
    """Makes connections to one database with a table `notes`."""
    handlers = []

    def new() -> BaseDatabaseWrapper:
        settings = {
            "ENGINE": "polardb_bridge.databases.sqlite",
            "NAME": str(tmp_path / "db.sqlite3"),
            "OPTIONS": OPTIONS,
        }
        handlers.append(ConnectionHandler({"default": settings}))
        found = handlers[-1]["default"]
        found.inc_thread_sharing()
        return found

    with new().cursor() as cursor:
        cursor.execute("CREATE TABLE notes (text)")
    yield new
    for handler in handlers:
        handler["default"].close()


@pytest.fixture
def busy_writer(connect: Callable[[], BaseDatabaseWrapper]) -> Iterator[None]:
    """A thread that writes all the time, with the pauses of a sync between its transactions."""
    stop = threading.Event()
    writer = connect()

    def write() -> None:
        while not stop.is_set():
            with writer.cursor() as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                cursor.execute("INSERT INTO notes VALUES (%s)", ["sync"])
                time.sleep(0.1)
                cursor.execute("COMMIT")
            time.sleep(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    yield
    stop.set()
    thread.join()


def test_a_request_gets_its_turn_between_the_transactions_of_a_sync(
    connect: Callable[[], BaseDatabaseWrapper], busy_writer: None
) -> None:
    connection = connect()
    waited = []
    for number in range(20):
        began = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO notes VALUES (%s)", [number])
        waited.append(time.monotonic() - began)
        time.sleep(0.02)
    # With SQLite's own waiting, half of them take more than a second.
    assert sorted(waited)[14] < 0.5, waited


def test_waiting_ends(connect: Callable[[], BaseDatabaseWrapper], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "WAIT_TIMEOUT_S", 0.3)
    holder, connection = connect(), connect()
    with holder.cursor() as held, connection.cursor() as cursor:
        held.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(OperationalError, match="locked"):
            cursor.execute("INSERT INTO notes VALUES ('late')")
        assert 0.3 <= time.monotonic() - began < 5
        held.execute("COMMIT")
        cursor.executemany("INSERT INTO notes VALUES (%s)", iter([["one"], ["two"]]))
        cursor.execute("SELECT count(*) FROM notes")
        assert cursor.fetchone() == (2,)
