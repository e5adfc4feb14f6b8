"""One row is locked or refused: all others get theirs, and it gets its own as soon as it can, by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from polardb_bridge.storage.writeback_status import problems, writeback_status
from polardb_bridge.webhooks import delivery
from polardb_bridge.webhooks.delivery import deliver, due_storages
from polardb_bridge.webhooks.models import PendingWriteback, WritebackState
from support.deliveries import assert_delivered, failed, labels, submit_all
from support.labeling import LabelingProject
from support.source_data import Source
from support.writeback import dirty_tasks

REFUSALS = {
    "check (3819)": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 3819, MESSAGE_TEXT = 'check violated'",
    "own code (5001)": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 5001, MESSAGE_TEXT = 'not today'",
    "missing procedure (1305)": "CALL no_such_procedure()",
    "missing table (1146)": "INSERT INTO no_such_table VALUES (1)",
    "signal (1644)": "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'",
    "division (1365)": "SIGNAL SQLSTATE '22012' SET MYSQL_ERRNO = 1365, MESSAGE_TEXT = 'division by zero'",
}


@contextmanager
def refusing(source: Source, condition: str, action: str) -> Iterator[None]:
    source.execute(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {source.table} FOR EACH ROW IF {condition} THEN {action}; END IF"
    )
    yield
    source.execute("DROP TRIGGER refuse")


def make_due() -> None:
    """The time of the next attempt has come."""
    PendingWriteback.objects.update(retry_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_row_that_the_table_refuses_holds_up_no_other(
    project: LabelingProject, storage: Any, source: Source, refusal: str
) -> None:
    submit_all(project)
    with refusing(source, "NEW.id = 2", refusal):
        report = deliver(storage)
        assert (report.written, report.parked, report.error) == (2, 1, "")
        assert labels(project, source) == ["cat", None, "cat"]
        assert WritebackState.objects.get().attempts == 0
        [problem] = problems(storage)
        assert problem.startswith(f"row 2 (task {project.tasks[2].pk}): ")
        assert "MySQL error" in problem or "answered with error" in problem
        assert due_storages(workers_too=True) == [], "not at once"
        make_due()
        assert (deliver(storage).parked, PendingWriteback.objects.get().attempts) == (1, 2)
    make_due()
    assert due_storages(workers_too=True) == [storage]
    assert_delivered(project, storage, source)


@pytest.mark.postgresql_too
def test_a_new_change_tries_a_refused_row_at_once(project: LabelingProject, storage: Any, source: Source) -> None:
    submit_all(project)
    with refusing(source, "NEW.id = 2", REFUSALS["signal (1644)"]):
        deliver(storage)
        assert (writeback_status(storage).pending, writeback_status(storage).parked) == (0, 1)
    submit_all(project, "dog")
    assert (writeback_status(storage).pending, writeback_status(storage).parked) == (3, 0)
    assert_delivered(project, storage, source, "dog")


def test_refused_rows_are_tried_again_few_at_a_time_until_one_gets_through(
    project: LabelingProject, storage: Any, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PARKED_BATCH_SIZE", 1)
    submit_all(project)
    with refusing(source, "NEW.id < 9", REFUSALS["signal (1644)"]):
        assert deliver(storage).parked == 3
        make_due()
        assert deliver(storage).parked == 1, "one, and no more of them in this round"
        project.api.patch(
            f"/api/annotations/{project.tasks[3].annotations.get().pk}/", {"ground_truth": True}, format="json"
        )
        assert deliver(storage).parked == 2, "what has changed, and one of the others"
    PendingWriteback.objects.update(retry_at=timezone.now() + timedelta(seconds=100))
    PendingWriteback.objects.filter(task=project.tasks[1]).update(retry_at=None)
    assert_delivered(project, storage, source)


def test_an_account_that_may_not_write_parks_no_row(
    project: LabelingProject, storage: Any, source: Source, writer: str
) -> None:
    submit_all(project)
    source.execute(f"REVOKE UPDATE ON {storage.database}.* FROM {writer}@'%%'")
    failed(storage, "lacks a privilege")
    assert not PendingWriteback.objects.exclude(parked_reason="").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_a_locked_row_holds_up_no_other(
    project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any]
) -> None:
    submit_all(project)
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE"):
        began = time.monotonic()
        report = deliver(storage)
        assert time.monotonic() - began < 8
        assert (report.written, report.parked, report.error) == (2, 0, "")
        assert labels(project, source) == ["cat", None, "cat"]
        status = writeback_status(storage)
        assert (status.pending, status.parked, status.attempts) == (1, 0, 0)
        assert problems(storage) == [], "for a moment, that is nothing"
        PendingWriteback.objects.update(locked_since=timezone.now() - timedelta(seconds=9))
        [problem] = problems(storage)
        assert problem.startswith(f"row 2 (task {project.tasks[2].pk}): another transaction has locked it since")
        [listed] = project.api.get(f"/api/storages/export/polardb/{storage.pk}").json()["writeback"]["problems"]
        assert listed == problem
        deadline = time.monotonic() + 20
        while PendingWriteback.objects.get().attempts < 2 and time.monotonic() < deadline:
            deliver(storage)
            time.sleep(0.1)
        assert PendingWriteback.objects.get().attempts >= 2
    deadline = time.monotonic() + 20
    while dirty_tasks() and time.monotonic() < deadline:
        deliver(storage)
        time.sleep(0.1)
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
def test_a_server_that_cannot_skip_locked_rows(
    project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from polardb_bridge.errors import RetryableError
    from polardb_bridge.webhooks.writers import rows

    def unknown(*arguments: Any) -> Any:
        raise RetryableError("The database answered with error 1064: You have an error in your SQL syntax")

    monkeypatch.setattr(rows, "lock_free_rows", unknown)
    submit_all(project)
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE"):
        assert (deliver(storage).written, deliver(storage).error) == (2, "")
        assert PendingWriteback.objects.get().locked_since is not None
    make_due()
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
def test_a_locked_table_is_not_the_fault_of_rows(
    project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any]
) -> None:
    submit_all(project)
    with hold(f"LOCK TABLES {source.table} WRITE") as connection:
        failed(storage, "waited too long for a lock")
        connection.exec_driver_sql("UNLOCK TABLES")
    assert not PendingWriteback.objects.exclude(row_key="").exists()
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_stopped_before_its_commit_lets_go_of_the_rows(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    """The server ends its transaction; nobody waits for the process."""
    from polardb_bridge.table.connection import engine_for
    from polardb_bridge.webhooks.writers.writer import writing_parameters

    submit_all(project)
    with engine_for(writing_parameters(storage)).connect() as stopped:
        stopped.exec_driver_sql(f"UPDATE {source.table} SET annotation_count = 9 WHERE id = 2")
        began = time.monotonic()
        while dirty_tasks():
            assert time.monotonic() - began < 30
            deliver(storage)
            time.sleep(0.2)
        stopped.invalidate()
    assert_delivered(project, storage, source)
