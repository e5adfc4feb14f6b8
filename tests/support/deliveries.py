"""Submitted annotations on their way into the rows of a table whose server fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from polardb_bridge.table.connection import begin
from polardb_bridge.webhooks.delivery import deliver, due_storages
from polardb_bridge.webhooks.leases import Lease
from polardb_bridge.webhooks.models import WritebackLease, WritebackState
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import dirty_tasks


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
    assert (report.error, report.parked) == ("", 0)
    assert labels(project, source) == [label] * len(project.tasks)
    assert not dirty_tasks()
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


def lose(lease: Lease) -> None:
    """As for a process that was frozen: no heartbeat, for longer than a lease is long."""
    WritebackLease.objects.filter(pk=lease.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    lease.renewed -= 60


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
