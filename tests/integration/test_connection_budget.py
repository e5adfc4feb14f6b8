"""Servers that let an account have few connections: pictures, syncs and write-back make do with them."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import MySQLdb
import pytest

from polardb_bridge.errors import RetryableError, ServerDownError
from polardb_bridge.storage.sync import follow
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table import budget, connection, row_keys, rows
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.labeling import Provisioned
from support.source_data import Source

Account = Callable[[int], ConnectionParameters]


@pytest.fixture
def account(database: ConnectionParameters) -> Iterator[Account]:
    """Makes an account that may have so many connections at once."""
    made = []

    def make(connections: int) -> ConnectionParameters:
        name = f"few_{database.database[-8:]}_{connections}"
        with begin(database) as admin:
            admin.exec_driver_sql(
                f"CREATE USER {name}@'%%' IDENTIFIED BY 'first' WITH MAX_USER_CONNECTIONS {connections}"
            )
            admin.exec_driver_sql(f"GRANT ALL ON {database.database}.* TO {name}@'%%'")
        made.append(name)
        return dataclasses.replace(database, user=name, password="first")

    yield make
    dispose()
    with begin(database) as admin:
        for name in made:
            admin.exec_driver_sql(f"DROP USER {name}@'%%'")


def raw(parameters: ConnectionParameters) -> Any:
    """A connection of somebody else, as of another process."""
    return MySQLdb.connect(
        host=parameters.host, port=parameters.port, user=parameters.user, password=parameters.password
    )


def open_connections(database: ConnectionParameters, user: str) -> int:
    with connect(database) as admin:
        count = f"SELECT count(*) FROM information_schema.processlist WHERE user = '{user}'"
        return int(admin.exec_driver_sql(count).scalar_one())


def readers_of(parameters: ConnectionParameters) -> list[ConnectionParameters]:
    """As pictures, syncs and forms connect: an engine each."""
    return [dataclasses.replace(parameters, timeout_s=timeout) for timeout in (None, 2, 5)]


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_many_readers_and_a_writer_share_what_the_account_may_have(account: Account, connections: int) -> None:
    few = account(connections)
    kinds = [*readers_of(few), dataclasses.replace(few, is_writer=True)]

    def use(number: int) -> int:
        with connect(kinds[number % len(kinds)]) as used:
            return int(used.exec_driver_sql("SELECT 1").scalar_one())

    with ThreadPoolExecutor(24) as threads:
        assert list(threads.map(use, range(200))) == [1] * 200


def test_a_writer_need_not_wait_until_readers_have_had_enough(account: Account) -> None:
    few = account(3)
    is_over = threading.Event()

    def read() -> int:
        count = 0
        while not is_over.is_set():
            with connect(few) as reading:
                reading.exec_driver_sql("SELECT SLEEP(0.1)")
            count += 1
        return count

    with ThreadPoolExecutor(8) as threads:
        reading = [threads.submit(read) for _ in range(8)]
        time.sleep(0.3)
        began = time.monotonic()
        with begin(dataclasses.replace(few, is_writer=True)) as writing:
            writing.exec_driver_sql("SELECT 1")
        took = time.monotonic() - began
        is_over.set()
        assert all(one.result() >= 0 for one in reading)
    assert took < 5


def test_what_nobody_uses_is_closed_soon(
    account: Account, database: ConnectionParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "IDLE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(budget, "_LOOK_INTERVAL_S", 0.1)
    few = account(20)
    with contextlib.ExitStack() as used:
        for parameters in readers_of(few):
            used.enter_context(connect(parameters))
        assert open_connections(database, few.user) == 3
    deadline = time.monotonic() + 30
    while open_connections(database, few.user) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert open_connections(database, few.user) == 0


def test_a_connection_that_is_used_often_stays(account: Account) -> None:
    few = account(20)
    ids = set()
    for _ in range(5):
        with connect(few) as used:
            ids.add(used.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one())
    assert len(ids) == 1


def test_what_other_processes_hold_is_waited_for(account: Account) -> None:
    few = account(1)
    held = raw(few)
    threading.Timer(1.0, held.close).start()
    with connect(few) as used:
        assert used.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_a_server_that_is_full_is_waited_for(account: Account, database: ConnectionParameters) -> None:
    """MySQL error 1040, which is about all accounts of a server."""
    few = account(0)
    admin = raw(database)
    admin.query("SELECT @@GLOBAL.max_connections")
    [(before,)] = admin.store_result().fetch_row()
    admin.query("SET GLOBAL max_connections = 10")
    others: list[Any] = []
    try:
        with pytest.raises(MySQLdb.OperationalError, match="Too many connections"):
            others.extend(raw(few) for _ in iter(int, 1))
        for _ in range(20):
            with contextlib.suppress(MySQLdb.OperationalError):
                others.append(raw(few))
        threading.Timer(1.0, lambda: [other.close() for other in others]).start()
        with connect(few) as used:
            assert used.exec_driver_sql("SELECT 1").scalar_one() == 1
    finally:
        admin.query(f"SET GLOBAL max_connections = {before}")
        admin.close()


@pytest.fixture
def max_user_connections(database: ConnectionParameters) -> Iterator[int]:
    """The server's own limit for each account that has none itself."""
    admin = raw(database)
    admin.query("SELECT @@GLOBAL.max_user_connections")
    [(before,)] = admin.store_result().fetch_row()
    admin.query("SET GLOBAL max_user_connections = 3")
    yield 3
    dispose()
    admin.query(f"SET GLOBAL max_user_connections = {before}")
    admin.close()


def test_a_server_that_lets_each_account_have_few_is_asked_for_fewer(
    account: Account, max_user_connections: int
) -> None:
    """MySQL error 1203: other processes of the account hold all; then more of our threads want one than it may have."""
    few = account(0)
    others = [raw(few) for _ in range(max_user_connections)]
    with pytest.raises(MySQLdb.OperationalError) as caught:
        raw(few)
    assert caught.value.args[0] == 1203
    threading.Timer(1.0, lambda: [other.close() for other in others]).start()

    def ask(is_writer: bool) -> int:
        with connect(dataclasses.replace(few, is_writer=is_writer)) as used:
            return int(used.exec_driver_sql("SELECT SLEEP(0.1) + 1").scalar_one())

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(ask, [False, False, True] * 8)) == [1] * 24


def test_a_limit_of_all_accounts_is_named(
    account: Account, max_user_connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HASTY_PATIENCE_S", 0.3)
    few = dataclasses.replace(account(0), timeout_s=2)
    with contextlib.ExitStack() as held:
        for _ in range(max_user_connections):
            held.enter_context(contextlib.closing(raw(few)))
        with pytest.raises(RetryableError, match="1203") as caught, connect(few):
            pass
    assert not isinstance(caught.value, ServerDownError)


@pytest.mark.parametrize("is_full", [True, False])
def test_it_is_not_waited_for_ever(account: Account, monkeypatch: pytest.MonkeyPatch, is_full: bool) -> None:
    monkeypatch.setattr(connection, "HASTY_PATIENCE_S", 0.3)
    few = dataclasses.replace(account(1), timeout_s=2)
    message = "has used up what .* grants it: .*max_user_connections" if is_full else "are in use"
    with (
        contextlib.closing(raw(few)) if is_full else connect(few),
        pytest.raises(RetryableError, match=message) as caught,
        connect(dataclasses.replace(few, is_writer=True)),
    ):
        pass
    assert not isinstance(caught.value, ServerDownError)  # other accounts of the server are let in


def test_a_sync_outlives_a_short_wait_timeout(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server closes what is idle for a second; writing a batch of tasks takes longer."""
    monkeypatch.setattr(row_keys, "KEYS_BATCH_SIZE", 2)
    monkeypatch.setattr(follow, "OTHERS_TURN_S", 2.2)
    source.add_images(3)
    source.execute("SET GLOBAL wait_timeout = 1")
    dispose()
    try:
        report = run_sync(provisioned.import_storage)
    finally:
        source.execute("SET GLOBAL wait_timeout = 28800")
        dispose()
    assert report.created == 3


@pytest.mark.parametrize("delivery", ["data_uri", "link"])
def test_one_connection_is_enough_for_a_sync(
    provisioned: Provisioned, source: Source, account: Account, delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With large pictures, and with results that rows hold already."""
    monkeypatch.setattr(rows, "MAX_STREAMED_BYTES", 100)
    monkeypatch.setattr(connection, "PATIENCE_S", 2)
    few = account(1)
    source.add_images(5)
    result = '[{"id": "a", "type": "rectanglelabels", "value": {}, "from_name": "label", "to_name": "image"}]'
    source.execute(f"UPDATE {source.table} SET annotation_data = '{result}', annotation_count = 1 WHERE id > 2")
    storage = provisioned.import_storage
    storage.user, storage.password, storage.image_delivery = few.user, few.password, delivery
    storage.save()
    report = run_sync(storage)
    assert (report.created, report.failed) == (5, 0)
