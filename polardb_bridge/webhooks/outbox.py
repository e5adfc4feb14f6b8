"""Marking tasks as dirty, and leasing and clearing what has to be written.

Whoever changes annotations only adds marks. Everything else is the deliveries' own, and all statements that lock
several of their records take them by task: no two of them can wait for each other.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from tasks.models import Task

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.webhooks.models import PendingWriteback, WritebackMark

# Another delivery may take over after this; a batch of an unresponsive server fails before (delivery.py, TIMEOUT_S).
LEASE_LENGTH = timedelta(seconds=30)
# Nothing is committed later than this after its lease began, so that a delivery that was frozen does no harm.
_WORK_TIMEOUT_S = 20
# How long a mark is left to a worker, if there is a queue, before a serving process takes it.
WORKER_HEAD_START = timedelta(seconds=2)
# SQLite takes at most 32,766 parameters in a statement.
_TASKS_BATCH_SIZE = 5000
_RECORDS_BATCH_SIZE = 500


@dataclass(frozen=True)
class Lease:
    """What of one storage this delivery may work on until the lease runs out."""

    storage_id: int
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    pending: list[PendingWriteback] = field(default_factory=list)
    # Monotonic: setting the clock does not change it, and it goes on while a process is stopped.
    deadline: float = field(default_factory=lambda: time.monotonic() + _WORK_TIMEOUT_S)

    @property
    def task_ids(self) -> list[int]:
        return [pending.task_id for pending in self.pending]

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
    marks = [WritebackMark(storage_id=storage, task_id=task) for storage, task in pairs]
    WritebackMark.objects.bulk_create(marks, batch_size=_RECORDS_BATCH_SIZE)
    return len(marks)


def due_storages(*, workers_too: bool) -> models.QuerySet[PolarDBExportStorage]:
    """The export storages that have something to deliver; workers_too: also what is still left to a worker."""
    ours = {"storage": models.OuterRef("pk")}
    pending = due_pending(workers_too=workers_too).filter(**ours)
    marks = WritebackMark.objects.filter(**ours)
    if settings.REDIS_ENABLED and not workers_too:
        now = timezone.now()
        marks = marks.filter(models.Q(marked_at__lte=now - WORKER_HEAD_START) | models.Q(marked_at__gt=now))
    return PolarDBExportStorage.objects.filter(models.Exists(marks) | models.Exists(pending))


def due_pending(*, workers_too: bool, now: datetime | None = None) -> models.QuerySet[PendingWriteback]:
    """What a delivery may take now; workers_too: also what is still left to a worker.

    A time further ahead than it was ever set was written before the clock was set back: it counts as past.
    """
    now = now or timezone.now()
    pending = PendingWriteback.objects.filter(
        models.Q(leased_until__isnull=True)
        | models.Q(leased_until__lte=now)
        | models.Q(leased_until__gt=now + LEASE_LENGTH),
        parked_reason="",
    )
    if workers_too:
        return pending
    return pending.filter(models.Q(not_before__lte=now) | models.Q(not_before__gt=now + WORKER_HEAD_START))


def lease_due(storage: PolarDBExportStorage, limit: int, *, workers_too: bool = True) -> Lease:
    """Lease up to `limit` tasks that are due, oldest change first; no two deliveries get the same one."""
    lease = Lease(storage.pk)
    if not due_storages(workers_too=workers_too).filter(pk=storage.pk).exists():
        return lease  # without taking SQLite's write lock
    with transaction.atomic():
        _fold(storage.pk)
        due = due_pending(workers_too=workers_too).filter(storage=storage).order_by("dirty_since", "pk")
        # On SQLite, which knows no such locks, a transaction has the database to itself from its start.
        lease.pending.extend(due.select_for_update(skip_locked=True)[:limit])
        PendingWriteback.objects.filter(pk__in=[pending.pk for pending in lease.pending]).update(
            lease=lease.id, leased_until=timezone.now() + LEASE_LENGTH
        )
    return lease


def _fold(storage_id: int) -> None:
    """Turn marks, the oldest first, into what deliveries lease, in the caller's transaction.

    What is folded begins again: with a new token, and no longer parked. Marks of tasks that are gone just go.
    """
    marks = WritebackMark.objects.filter(storage=storage_id).order_by("pk").select_for_update(skip_locked=True)
    found = list(marks[:_TASKS_BATCH_SIZE])
    if not found:
        return
    since: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for mark_ in found:
        since[mark_.task_id] = min(mark_.marked_at, since.get(mark_.task_id, mark_.marked_at))
        last[mark_.task_id] = mark_.marked_at
    head_start = WORKER_HEAD_START if settings.REDIS_ENABLED else timedelta()
    there = Task.objects.filter(pk__in=list(since)).order_by("pk").values_list("pk", flat=True)
    PendingWriteback.objects.bulk_create(
        [
            PendingWriteback(
                storage_id=storage_id, task_id=task, dirty_since=since[task], not_before=last[task] + head_start
            )
            for task in there
        ],
        update_conflicts=True,
        unique_fields=["storage", "task"],
        # `dirty_since` stays: it tells how old the oldest unwritten change is.
        update_fields=["token", "not_before", "parked_reason"],
        batch_size=_RECORDS_BATCH_SIZE,
    )
    WritebackMark.objects.filter(pk__in=[mark_.pk for mark_ in found]).delete()


def clear(lease: Lease, parked: dict[int, str]) -> None:
    """Clear what has been written, and let go of the rest.

    parked: by task id, why it stays until a person asks for it again.

    What became dirty again meanwhile stays and is due. If a lease ran out (this process was frozen), a newer delivery
    may have been overtaken by what this one wrote: the task is dirty again.
    """
    with transaction.atomic():
        ours = {pending.task_id: pending for pending in _locked(lease)}
        written = [p for p in lease.pending if p.task_id in ours and ours[p.task_id].token == p.token]
        for pending in written:
            if pending.task_id in parked:
                PendingWriteback.objects.filter(pk=pending.pk).update(parked_reason=parked[pending.task_id])
        PendingWriteback.objects.filter(pk__in=[p.pk for p in written if p.task_id not in parked]).delete()
        _let_go(lease)
        mark((lease.storage_id, pending.task_id) for pending in lease.pending if pending.task_id not in ours)


def release(lease: Lease) -> None:
    """Let go of what is leased: nothing was written."""
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
    """Make what waits for a person due again; how many tasks it is."""
    parked = PendingWriteback.objects.filter(storage=storage).exclude(parked_reason="")
    with transaction.atomic():
        ids = list(parked.order_by("task_id").select_for_update().values_list("pk", flat=True))
        for start in range(0, len(ids), _TASKS_BATCH_SIZE):
            PendingWriteback.objects.filter(pk__in=ids[start : start + _TASKS_BATCH_SIZE]).update(parked_reason="")
    return len(ids)


def dirty(storages: Iterable[PolarDBExportStorage], task_ids: list[int]) -> set[int]:
    """Those of these tasks that have a change that is not in its row yet."""
    found: set[int] = set()
    for model in (WritebackMark, PendingWriteback):
        records = model.objects.filter(storage__in=storages, task__in=task_ids)
        found |= set(records.values_list("task_id", flat=True))
    return found


def drop_gone() -> None:
    """Forget what is about storages and tasks that are gone: nothing of Label Studio's takes it along."""
    for model in (WritebackMark, PendingWriteback):
        gone = model.objects.exclude(
            models.Exists(PolarDBExportStorage.objects.filter(pk=models.OuterRef("storage")))
            & models.Exists(Task.objects.filter(pk=models.OuterRef("task")))
        )
        while gone.exists():
            with transaction.atomic():
                chosen = gone.order_by("task_id").select_for_update(skip_locked=True)
                ids = list(chosen.values_list("pk", flat=True)[:_TASKS_BATCH_SIZE])
                model.objects.filter(pk__in=ids).delete()
            if not ids:
                break  # another process does it
