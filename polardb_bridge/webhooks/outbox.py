"""Marking tasks as dirty, and leasing and clearing those marks.

All statements that lock several marks take them by storage and task: no two of them can wait for each other.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.webhooks.models import PendingWriteback

# Another delivery may take over after this; a batch of an unresponsive server fails before (delivery.py, TIMEOUT_S).
LEASE_LENGTH = timedelta(seconds=30)
# Nothing is committed later than this after its lease began, so that a delivery that was frozen does no harm.
_WORK_TIMEOUT_S = 20
# How long a mark is left to a worker, if there is a queue, before a serving process takes it.
WORKER_HEAD_START = timedelta(seconds=2)
# SQLite takes at most 32,766 parameters in a statement.
_TASKS_BATCH_SIZE = 5000


@dataclass(frozen=True)
class Lease:
    """Marks of one storage that this delivery may work on until the lease runs out."""

    storage_id: int
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    marks: list[PendingWriteback] = field(default_factory=list)
    # Monotonic: setting the clock does not change it, and it goes on while a process is stopped.
    deadline: float = field(default_factory=lambda: time.monotonic() + _WORK_TIMEOUT_S)

    @property
    def task_ids(self) -> list[int]:
        return [mark.task_id for mark in self.marks]

    def check(self) -> None:
        """Raise RetryableError if too little of the lease is left to commit anything."""
        if time.monotonic() > self.deadline:
            raise RetryableError("Writing took so long that another delivery may have taken over.")


def targets(task_ids: Iterable[int]) -> list[tuple[int, int]]:
    """Pairs of export storage and task, by ids: where the results of these tasks have to go."""
    ids = sorted(set(task_ids))
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(ids), _TASKS_BATCH_SIZE):
        storages = PolarDBExportStorage.objects.filter(project__tasks__in=ids[start : start + _TASKS_BATCH_SIZE])
        pairs.extend(storages.values_list("pk", "project__tasks"))
    return pairs


def mark(pairs: Iterable[tuple[int, int]]) -> int:
    """Record that the rows of these tasks may differ, by pairs of export storage and task; how many there are."""
    now = timezone.now()
    left_until = now + WORKER_HEAD_START if settings.REDIS_ENABLED else now
    marks = [PendingWriteback(storage_id=s, task_id=t, not_before=left_until) for s, t in sorted(pairs)]
    PendingWriteback.objects.bulk_create(
        marks,
        update_conflicts=True,
        unique_fields=["storage", "task"],
        # `dirty_since` stays: it tells how old the oldest unwritten change is.
        update_fields=["token", "not_before", "parked_reason"],
        batch_size=500,
    )
    return len(marks)


def due_marks(*, workers_too: bool, now: datetime | None = None) -> models.QuerySet[PendingWriteback]:
    """Marks that a delivery may take now; workers_too: also those that are still left to a worker.

    A time further ahead than it was ever set was written before the clock was set back: it counts as past.
    """
    now = now or timezone.now()
    marks = PendingWriteback.objects.filter(
        models.Q(leased_until__isnull=True)
        | models.Q(leased_until__lte=now)
        | models.Q(leased_until__gt=now + LEASE_LENGTH),
        parked_reason="",
    )
    if workers_too:
        return marks
    return marks.filter(models.Q(not_before__lte=now) | models.Q(not_before__gt=now + WORKER_HEAD_START))


def pending(storage: PolarDBExportStorage) -> models.QuerySet[PendingWriteback]:
    """The marks of `storage` that do not wait for a person."""
    return PendingWriteback.objects.filter(storage=storage, parked_reason="")


def lease_due(storage: PolarDBExportStorage, limit: int, *, workers_too: bool = True) -> Lease:
    """Lease up to `limit` due marks, oldest first; no two deliveries get the same one."""
    lease = Lease(storage.pk)
    due = due_marks(workers_too=workers_too).filter(storage=storage).order_by("dirty_since", "pk")
    if not due.exists():
        return lease  # without taking SQLite's write lock
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        # Elsewhere (SQLite) a transaction has the database to itself from its start.
        lease.marks.extend(due[:limit])
        PendingWriteback.objects.filter(pk__in=[mark.pk for mark in lease.marks]).update(
            lease=lease.id, leased_until=timezone.now() + LEASE_LENGTH
        )
    return lease


def clear(lease: Lease, parked: dict[int, str]) -> None:
    """Clear the leased marks whose state has been written, and let go of the others.

    parked: by task id, why a mark stays until a person asks for it again.

    A mark that became dirty again meanwhile stays and is due. If a lease ran out (this process was frozen), a
    newer delivery may have been overtaken by what this one wrote: the task is dirty again.
    """
    with transaction.atomic():
        ours = {mark.task_id: mark for mark in _locked(lease)}
        written = [m for m in lease.marks if m.task_id in ours and ours[m.task_id].token == m.token]
        for mark_ in written:
            if mark_.task_id in parked:
                PendingWriteback.objects.filter(pk=mark_.pk).update(parked_reason=parked[mark_.task_id])
        PendingWriteback.objects.filter(pk__in=[m.pk for m in written if m.task_id not in parked]).delete()
        _let_go(lease)
        overtaken = [mark_.task_id for mark_ in lease.marks if mark_.task_id not in ours]
        if overtaken:
            mark(pair for pair in targets(overtaken) if pair[0] == lease.storage_id)


def release(lease: Lease) -> None:
    """Let go of the leased marks: nothing was written."""
    with transaction.atomic():
        list(_locked(lease))
        _let_go(lease)


def _locked(lease: Lease) -> models.QuerySet[PendingWriteback]:
    return PendingWriteback.objects.filter(lease=lease.id).order_by("task_id").select_for_update()


def _let_go(lease: Lease) -> None:
    PendingWriteback.objects.filter(lease=lease.id).update(lease=None, leased_until=None)


def set_has_result(task_ids: Iterable[int]) -> None:
    """Remember that rows of these tasks hold results of ours."""
    links = PolarDBImportStorageLink.objects.filter(task_id__in=list(task_ids), has_result=False)
    if links.exists():
        links.update(has_result=True)


def retry_parked(storage: PolarDBExportStorage) -> int:
    """Make the marks that wait for a person due again; how many there were."""
    count: int = PendingWriteback.objects.filter(storage=storage).exclude(parked_reason="").update(parked_reason="")
    return count
