"""The table's server fails in every way that we could think of; afterwards the rows equal Label Studio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone

from dev.servers import MariaDB
from polardb_bridge.table.connection import begin
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.delivery import TIMEOUT_S, deliver, due_storages
from polardb_bridge.webhooks.models import PendingWriteback, WritebackState
from support.labeling import LabelingProject
from support.proxy import Proxy
from support.source_data import Source, region


def submit_all(project: LabelingProject, label: str = "cat") -> None:
    for row_id in project.tasks:
        project.submit(row_id, region(label))


def labels(project: LabelingProject, source: Source) -> list[str | None]:
    """The label that each row holds, None where it holds nothing."""
    rows = [source.row(row_id)["annotation_data"] for row_id in project.tasks]
    return [row[0]["value"]["rectanglelabels"][0] if row else None for row in rows]


def assert_delivered(project: LabelingProject, storage: Any, source: Source, label: str = "cat") -> None:
    """One delivery brings everything into the rows and leaves nothing behind."""
    report = deliver(storage)
    assert (report.error, report.problems) == ("", 0)
    assert labels(project, source) == [label] * len(project.tasks)
    assert not PendingWriteback.objects.exists()
    state = WritebackState.objects.get(storage=storage)
    assert (state.attempts, state.retry_at, state.last_error, state.needs_person) == (0, None, "", False)
    assert state.last_success_at is not None


def failed(storage: Any, *words: str) -> WritebackState:
    """Deliver, which must fail with these words; the state that this leaves."""
    report = deliver(storage)
    assert report.written == 0
    for word in words:
        assert word in report.error
    state: WritebackState = WritebackState.objects.get(storage=storage)
    assert state.last_error == report.error
    assert state.retry_at > timezone.now()
    assert storage not in due_storages(workers_too=True)
    return state


@pytest.mark.postgresql_too
def test_server_stopped_during_submits(project: LabelingProject, storage: Any, server: MariaDB, source: Source) -> None:
    project.submit(1, region("cat"))
    server.stop()
    before = time.monotonic()
    project.submit(2, region("cat"))
    failed(storage, "refuses connections")
    project.submit(3, region("cat"))
    assert time.monotonic() - before < 10
    assert failed(storage).attempts == 2
    assert PendingWriteback.objects.filter(claim=None).count() == 3
    server.start()
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
def test_server_killed_in_the_middle_of_a_batch(
    project: LabelingProject, storage: Any, server: MariaDB, source: Source, hold: Callable[..., Any]
) -> None:
    submit_all(project)
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE"):
        delivery = threading.Thread(target=in_thread, args=(deliver, storage))
        delivery.start()
        wait_for_lock(source)
        server.kill()
        delivery.join(30)
        assert not delivery.is_alive()
    server.start()
    assert labels(project, source) == [None, None, None]
    assert WritebackState.objects.get().attempts == 1
    assert_delivered(project, storage, source)


def in_thread(function: Callable[..., object], *args: Any) -> None:
    from django.db import connection

    try:
        function(*args)
    finally:
        connection.close()


def wait_for_lock(source: Source) -> None:
    """Until a statement waits for a lock."""
    for _ in range(30):
        with begin(source.parameters) as connection:
            waiting = connection.exec_driver_sql(
                "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
            ).scalar()
        if waiting:
            return
        time.sleep(0.15)  # the server answers from a cache when it is asked more often than every 0.1 s
    raise AssertionError("nothing waits for a lock")


def test_frozen_server(project: LabelingProject, storage: Any, server: MariaDB, source: Source) -> None:
    project.submit(1, region("cat"))
    assert deliver(storage).written == 1  # there is an open connection
    server.freeze()
    began = time.monotonic()
    project.submit(2, region("cat"))
    assert time.monotonic() - began < 3
    failed(storage)
    took = time.monotonic() - began
    assert took < outbox.CLAIM_LENGTH.total_seconds()
    assert took < 3 * TIMEOUT_S
    project.submit(3, region("cat"))
    server.thaw()
    assert_delivered(project, storage, source)


@pytest.mark.parametrize("sent", [3, 90, 400, 900, 1500])
def test_connection_cut_in_the_middle_of_a_packet_to_the_server(
    project: LabelingProject, storage: Any, source: Source, proxy: Proxy, sent: int
) -> None:
    submit_all(project)
    proxy.cut_after_sent = sent
    failed(storage)
    assert proxy.cuts
    assert labels(project, source) == [None, None, None]
    proxy.cut_after_sent = None
    assert_delivered(project, storage, source)


@pytest.mark.parametrize("received", [10, 95, 110, 130, 160])
def test_connection_cut_in_the_middle_of_an_answer(
    project: LabelingProject, storage: Any, source: Source, proxy: Proxy, received: int
) -> None:
    """The last of these answers is to COMMIT: the rows are written, and the delivery cannot know it."""
    submit_all(project)
    proxy.cut_after_received = received
    deliver(storage)
    proxy.cut_after_received = None
    assert_delivered(project, storage, source)


def test_connections_cut_while_idle(project: LabelingProject, storage: Any, source: Source, proxy: Proxy) -> None:
    project.submit(1, region("cat"))
    assert deliver(storage).written == 1
    proxy.cut_all()
    project.submit(2, region("cat"))
    project.submit(3, region("cat"))
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_deadlock(project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any]) -> None:
    submit_all(project)
    # The server ends the transaction that has changed less: the other has changed more.
    source.add_images(50)
    other = (
        f"UPDATE {source.table} SET mime_type = 'x' WHERE id > 3",
        f"UPDATE {source.table} SET mime_type = 'x' WHERE id = 3",
    )
    with hold(*other) as connection:
        delivery = threading.Thread(target=in_thread, args=(deliver, storage))
        delivery.start()
        wait_for_lock(source)
        connection.exec_driver_sql(f"UPDATE {source.table} SET mime_type = 'x' WHERE id = 1")
        delivery.join(20)
        assert "deadlock" in WritebackState.objects.get().last_error
        connection.commit()
    assert_delivered(project, storage, source)


def test_lock_wait_timeout(project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any]) -> None:
    submit_all(project)
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE"):
        began = time.monotonic()
        failed(storage, "waited too long for a lock")
        assert time.monotonic() - began < TIMEOUT_S
    assert_delivered(project, storage, source)


def test_read_only_server(project: LabelingProject, storage: Any, source: Source, writer: str) -> None:
    submit_all(project)
    source.execute("SET GLOBAL read_only = 1")
    try:
        assert not failed(storage, "does not accept writes now").needs_person
    finally:
        source.execute("SET GLOBAL read_only = 0")
    assert_delivered(project, storage, source)


def test_changed_password(project: LabelingProject, storage: Any, source: Source, writer: str) -> None:
    project.submit(1, region("cat"))
    assert deliver(storage).written == 1
    source.execute(f"ALTER USER {writer}@'%%' IDENTIFIED BY 'second'")
    source.execute(f"KILL USER {writer}")
    project.submit(2, region("cat"))
    project.submit(3, region("cat"))
    state = failed(storage, "user name or password is wrong")
    assert state.needs_person
    assert "first" not in state.last_error
    answer = project.api.patch(f"/api/storages/export/polardb/{storage.pk}", {"password": "second"}, format="json")
    assert answer.status_code == 200, answer.content
    # Saving the storage ends the wait.
    [due] = due_storages(workers_too=True)
    assert_delivered(project, due, source)


def test_lost_privilege(project: LabelingProject, storage: Any, source: Source, writer: str) -> None:
    submit_all(project)
    source.execute(f"REVOKE UPDATE ON {storage.database}.* FROM {writer}@'%%'")
    assert failed(storage, "lacks a privilege").needs_person
    source.execute(f"GRANT UPDATE ON {storage.database}.* TO {writer}@'%%'")
    assert_delivered(project, storage, source)


@pytest.mark.postgresql_too
def test_deleted_row(project: LabelingProject, storage: Any, source: Source) -> None:
    submit_all(project)
    source.execute(f"CREATE TABLE kept AS SELECT * FROM {source.table} WHERE id = 2")
    source.execute(f"DELETE FROM {source.table} WHERE id = 2")
    report = deliver(storage)
    assert (report.written, report.problems, report.error) == (2, 1, "")
    [parked] = PendingWriteback.objects.all()
    assert (parked.task_id, parked.problem) == (project.tasks[2].pk, "The table has no row 2 any more.")
    assert deliver(storage).problems == 0  # parked: not tried again by itself
    source.execute(f"INSERT INTO {source.table} SELECT * FROM kept")
    assert outbox.retry_problems(storage) == 1
    assert_delivered(project, storage, source)


def test_table_dropped_and_restored(project: LabelingProject, storage: Any, source: Source) -> None:
    project.submit(1, region("dog"))
    assert deliver(storage).written == 1
    source.execute(f"CREATE TABLE copy LIKE {source.table}")
    source.execute(f"INSERT INTO copy SELECT * FROM {source.table}")
    source.execute(f"DROP TABLE {source.table}")
    submit_all(project)
    assert failed(storage, "The table is not there").needs_person
    source.execute(f"RENAME TABLE copy TO {source.table}")
    assert_delivered(project, storage, source)


def test_a_result_larger_than_the_server_takes_holds_up_no_other(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    project.submit(2, region("x" * 17_000_000))
    project.submit(1, region("cat"))
    project.submit(3, region("cat"))
    report = deliver(storage)
    assert (report.written, report.problems, report.error) == (2, 1, "")
    assert "max_allowed_packet" in PendingWriteback.objects.get().problem
    assert labels(project, source) == ["cat", None, "cat"]
    annotation = project.tasks[2].annotations.get()
    project.api.patch(f"/api/annotations/{annotation.pk}/", {"result": [region("cat")]}, format="json")
    assert_delivered(project, storage, source)


def test_a_value_that_the_table_refuses_holds_up_no_other(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    source.execute(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {source.table} FOR EACH ROW"
        " IF NEW.id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
    )
    submit_all(project)
    report = deliver(storage)
    assert (report.written, report.problems) == (2, 1)
    assert "not this one" in PendingWriteback.objects.get().problem
    source.execute("DROP TRIGGER refuse")
    outbox.retry_problems(storage)
    assert_delivered(project, storage, source)


@contextmanager
def clock_moved(by: timedelta) -> Iterator[None]:
    real = timezone.now
    with patch("django.utils.timezone.now", lambda: real() + by):
        yield


DAY = timedelta(days=1)


@pytest.mark.parametrize("wrong", [DAY, -DAY], ids=["ahead", "behind"])
def test_clock_wrong_while_the_server_is_down(
    project: LabelingProject, storage: Any, server: MariaDB, source: Source, wrong: timedelta
) -> None:
    server.stop()
    with clock_moved(wrong):
        submit_all(project)
        failed(storage)
    server.start()
    # The clock is right again: what was to happen "tomorrow" is due.
    assert storage in due_storages(workers_too=True)
    assert_delivered(project, storage, source)


def test_clock_set_back_under_a_claim_of_a_dead_process(project: LabelingProject, storage: Any, source: Source) -> None:
    submit_all(project)
    with clock_moved(DAY):
        assert len(outbox.claim_due(storage, 10).marks) == 3
    assert_delivered(project, storage, source)


@pytest.mark.postgresql_too
def test_a_delivery_that_was_overtaken_does_not_leave_its_old_state(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    """Frozen between reading and writing until its claim ran out; a newer delivery came first."""
    submit_all(project, "cat")
    old = outbox.claim_due(storage, 10)
    submit_all(project, "dog")
    with clock_moved(outbox.CLAIM_LENGTH + timedelta(seconds=1)):
        assert deliver(storage).written == 3
    assert not PendingWriteback.objects.exists()
    outbox.clear(old, {})
    assert PendingWriteback.objects.count() == 3
    assert_delivered(project, storage, source, "dog")


def test_a_delivery_that_takes_longer_than_its_claim_commits_nothing(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    submit_all(project)
    with patch("polardb_bridge.webhooks.outbox._WORK_S", -1):
        failed(storage, "another delivery may have taken over")
    assert labels(project, source) == [None, None, None]
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_a_change_during_a_delivery_is_delivered_too(
    project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any]
) -> None:
    submit_all(project, "cat")
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE"):
        delivery = threading.Thread(target=in_thread, args=(deliver, storage))
        delivery.start()
        wait_for_lock(source)
        submit_all(project, "dog")
    delivery.join(20)
    assert_delivered(project, storage, source, "dog")
