"""Label Studio's own processes and Redis fail; afterwards the rows equal Label Studio."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests

from dev.label_studio import LabelStudio, Worker, run_command
from dev.servers import MariaDB, Redis
from polardb_bridge.webhooks.models import PendingWriteback
from support.labeling import LabelingProject, second_project
from support.source_data import Source, region
from support.writeback import dirty_tasks

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "admin@example.com", "correct-horse-9"


def submit(session: requests.Session, label_studio: LabelStudio, task: Any, label: str) -> dict[str, Any]:
    answer = session.post(
        f"{label_studio.url}/api/tasks/{task.pk}/annotations/", json={"result": [region(label)]}, timeout=60
    )
    assert answer.status_code == 201, answer.text
    annotation: dict[str, Any] = answer.json()
    return annotation


def label_of(source: Source, row_id: int) -> str | None:
    data = source.row(row_id)["annotation_data"]
    return data[0]["value"]["rectanglelabels"][0] if data else None


def wait_for_label(source: Source, row_id: int, label: str, seconds: float = 10.0) -> float:
    """Seconds until the row holds this label."""
    began = time.monotonic()
    while label_of(source, row_id) != label:
        assert time.monotonic() - began < seconds, f"row {row_id} holds {label_of(source, row_id)} after {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def label_studio_database_locked() -> Iterator[None]:
    """Nobody else can write the outbox: what a delivery clears waits."""
    from django.db import connection

    if connection.vendor == "sqlite":
        other = sqlite3.connect(connection.settings_dict["NAME"], timeout=30, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.rollback()
            other.close()
        return
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {PendingWriteback._meta.db_table} IN EXCLUSIVE MODE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


@pytest.mark.postgresql_too
def test_worker_killed_between_write_and_clear(
    project: LabelingProject, source: Source, hold: Callable[..., Any], environment: dict[str, str], tmp_path: Path
) -> None:
    task = project.tasks[2]
    project.submit(2, region("cat"))
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE") as row_lock:
        worker = Worker(tmp_path, environment, "deliver_writebacks", "--watch", ready="")
        with patch.object(worker, "is_ready", PendingWriteback.objects.filter(lease__isnull=False).exists):
            worker.start()
        with label_studio_database_locked():
            row_lock.rollback()
            wait_for_label(source, 2, "cat", 5)
            time.sleep(0.2)
            worker.kill()
    # Written, and the mark is still there: the next delivery writes it again, when the lease has run out.
    assert dirty_tasks() == [task.pk]
    project.submit(2, region("dog"))
    began = time.monotonic()
    done = run_command(environment, "deliver_writebacks", "--json")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 60
    assert label_of(source, 2) == "dog"
    assert not dirty_tasks()


@pytest.mark.postgresql_too
def test_web_processes_killed_right_after_their_answer(
    project: LabelingProject,
    source: Source,
    start_label_studio: Callable[..., LabelStudio],
    environment: dict[str, str],
    server: MariaDB,
) -> None:
    label_studio = start_label_studio()
    session = label_studio.session(EMAIL, PASSWORD)
    for row_id, task in project.tasks.items():
        if row_id == 3:
            server.stop()  # this one cannot have been written before the process died
        submit(session, label_studio, task, "cat")
        killed = label_studio.children()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_for_new_workers(label_studio, killed)
    label_studio.kill()
    assert project.tasks[3].pk in dirty_tasks()
    server.start()
    done = run_command(environment, "deliver_writebacks")
    assert done.returncode == 0, done.stderr
    assert [label_of(source, row_id) for row_id in (1, 2, 3)] == ["cat"] * 3
    assert not dirty_tasks()


def wait_for_new_workers(label_studio: LabelStudio, killed: list[int]) -> None:
    """Gunicorn starts new ones; until they listen, connections are reset."""
    for _ in range(300):
        if not set(killed) & set(label_studio.children()) and label_studio.is_ready():
            return
        time.sleep(0.1)
    raise AssertionError("gunicorn did not replace its workers")


def test_a_frozen_table_server_holds_up_no_submit_and_no_other_storage(
    project: LabelingProject,
    source: Source,
    start_label_studio: Callable[..., LabelStudio],
    server: MariaDB,
    mariadb: MariaDB,
    user: Any,
) -> None:

    label_studio = start_label_studio()
    session = label_studio.session(EMAIL, PASSWORD)
    with second_project(mariadb, user) as (other_source, other_task):
        submit(session, label_studio, project.tasks[1], "cat")
        wait_for_label(source, 1, "cat")
        server.freeze()
        for label in ("cat", "dog", "cat", "dog"):
            began = time.monotonic()
            submit(session, label_studio, project.tasks[2], label)
            assert time.monotonic() - began < 5
            submit(session, label_studio, other_task, label)
            assert wait_for_label(other_source, 1, label, 5) < 5
        server.thaw()
        wait_for_label(source, 2, "dog", 60)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    with Redis(tmp_path / "redis") as server:
        yield server


def test_redis_and_its_worker_die_in_turn(
    project: LabelingProject,
    source: Source,
    start_label_studio: Callable[..., LabelStudio],
    environment: dict[str, str],
    redis_server: Redis,
    tmp_path: Path,
) -> None:
    """Whatever happens to the queue, the row follows within seconds."""
    variables = {"REDIS_URL": redis_server.url()}
    label_studio = start_label_studio(**variables)
    session = label_studio.session(EMAIL, PASSWORD)
    with Worker(tmp_path, environment | variables) as worker:
        submit(session, label_studio, project.tasks[1], "worker")
        wait_for_label(source, 1, "worker")
        assert "deliver_job" in worker.log.read_text()

        import redis

        client = redis.Redis.from_url(redis_server.url())
        for number in range(5):
            submit(session, label_studio, project.tasks[1], f"flushed {number}")
            client.flushall()
        wait_for_label(source, 1, "flushed 4")

        worker.freeze()  # nobody takes jobs
        submit(session, label_studio, project.tasks[2], "no worker")
        wait_for_label(source, 2, "no worker")
        worker.thaw()

        redis_server.freeze()
        submit(session, label_studio, project.tasks[2], "redis frozen")
        wait_for_label(source, 2, "redis frozen", 30)
        redis_server.thaw()
        worker.kill()

    redis_server.kill()
    began = time.monotonic()
    submit(session, label_studio, project.tasks[3], "no redis")
    assert time.monotonic() - began < 5
    wait_for_label(source, 3, "no redis")
    redis_server.start()
    with Worker(tmp_path, environment | variables):
        submit(session, label_studio, project.tasks[3], "again")
        wait_for_label(source, 3, "again")
    deadline = time.monotonic() + 40
    while dirty_tasks() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not dirty_tasks()


@pytest.mark.long
def test_redis_without_a_worker_keeps_one_question(
    project: LabelingProject,
    source: Source,
    start_label_studio: Callable[..., LabelStudio],
    environment: dict[str, str],
    redis_server: Redis,
    tmp_path: Path,
) -> None:
    import redis

    variables = {"REDIS_URL": redis_server.url()}
    label_studio = start_label_studio(**variables)
    session = label_studio.session(EMAIL, PASSWORD)
    client = redis.Redis.from_url(redis_server.url())
    for number in range(3):  # each later than a question is remembered
        submit(session, label_studio, project.tasks[1], f"alone {number}")
        wait_for_label(source, 1, f"alone {number}", 20)
        time.sleep(0.5)
    assert client.llen("rq:queue:high") == 1
    client.flushall()
    submit(session, label_studio, project.tasks[1], "flushed")
    wait_for_label(source, 1, "flushed", 20)
    assert client.llen("rq:queue:high") == 1
    with Worker(tmp_path, environment | variables):
        submit(session, label_studio, project.tasks[2], "worker")
        wait_for_label(source, 2, "worker", 20)
        deadline = time.monotonic() + 20
        while client.llen("rq:queue:high") and time.monotonic() < deadline:
            time.sleep(0.1)
    assert client.llen("rq:queue:high") == 0


def test_sync_of_the_target_survives_its_process(
    project: LabelingProject, source: Source, start_label_studio: Callable[..., LabelStudio], server: MariaDB
) -> None:
    """The process that was asked dies, and the table is away: the end is told truthfully."""
    for row_id in project.tasks:
        project.submit(row_id, region("cat"))
    project.deliver()
    source.execute(f"UPDATE {source.table} SET annotation_data = NULL")
    project.export_storage.sync()
    assert project.export_storage.status == "queued"
    server.stop()
    label_studio = start_label_studio()
    session = label_studio.session(EMAIL, PASSWORD)
    url = f"{label_studio.url}/api/storages/export/polardb/{project.export_storage.pk}"
    status = wait_for_status(session, url, "failed")
    assert "3 of 3 rows are not written yet" in status["traceback"]
    assert status["last_sync_count"] == 0
    server.start()
    for row_id in project.tasks:
        wait_for_label(source, row_id, "cat", 60)
    assert session.post(f"{url}/sync", timeout=30).status_code == 200
    assert wait_for_status(session, url, "completed")["last_sync_count"] == 3
    assert label_studio.log.read_text().count("Traceback") == 0


def wait_for_status(session: requests.Session, url: str, status: str, seconds: float = 40) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        storage: dict[str, Any] = session.get(url, timeout=30).json()
        if storage["status"] == status:
            return storage
        assert time.monotonic() < deadline, storage
        time.sleep(0.1)
