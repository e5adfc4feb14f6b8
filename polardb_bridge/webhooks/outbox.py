"""Marking tasks as dirty, and leasing and clearing what has to be written.

Whoever changes annotations only adds marks. Everything else is the deliveries' own, and all statements that lock
several of their records take them by task: no two of them can wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from tasks.models import Task

from polardb_bridge.choices import ImageDelivery
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.table.keys import Key
from polardb_bridge.webhooks import clock, delays, leases, sequence
from polardb_bridge.webhooks.leases import Lease
from polardb_bridge.webhooks.models import PendingWriteback, WritebackMark
from polardb_bridge.webhooks.retry import MAX_ROW_DELAY, row_delay

# How long a mark is left to a worker, if there is a queue, before a serving process takes it.
WORKER_HEAD_START = timedelta(seconds=2)
# SQLite takes at most 32,766 parameters in a statement.
_TASKS_BATCH_SIZE = 5000
_RECORDS_BATCH_SIZE = 500


@dataclass(frozen=True)
class Destinations:
    """Where the results of some tasks go. pairs: of export storage and task, by ids; empty if they go nowhere.

    by_link: pairs of import storage and task, of storages whose images are read when somebody looks at them.
    has_source: whether one of the tasks is of a project that has rows of a table, with or without a target.
    """

    pairs: list[tuple[int, int]]
    by_link: list[tuple[int, int]]
    has_source: bool


def destinations(task_ids: Iterable[int]) -> Destinations:
    """Of these tasks, in one query for each few thousands."""
    ids = sorted(set(task_ids))
    pairs: set[tuple[int, int]] = set()
    by_link: set[tuple[int, int]] = set()
    has_source = False
    for start in range(0, len(ids), _TASKS_BATCH_SIZE):
        tasks = Task.objects.filter(pk__in=ids[start : start + _TASKS_BATCH_SIZE]).order_by()
        found = tasks.values_list(
            "pk",
            "project__polardb_io_storages_polardbexportstorages",
            "project__polardb_io_storages_polardbimportstorages",
            "project__polardb_io_storages_polardbimportstorages__delivery_in_use",
        )
        for task, target, source, delivery in found:
            if target is not None:
                pairs.add((target, task))
            if delivery == ImageDelivery.LINK:
                by_link.add((source, task))
            has_source = has_source or target is not None or source is not None
    return Destinations(sorted(pairs), sorted(by_link), has_source)


def mark(pairs: Iterable[tuple[int, int]]) -> int:
    """Record that the rows of these tasks may differ, by pairs of export storage and task; how many there are."""
    marks = [WritebackMark(storage_id=storage, task_id=task) for storage, task in pairs]
    if len(marks) == 1:
        marks[0].save(force_insert=True)
    else:
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
    now = now or clock.now()
    pending = PendingWriteback.objects.filter(
        ~models.Exists(leases.living().filter(pk=models.OuterRef("lease"))),
        models.Q(retry_at__isnull=True) | models.Q(retry_at__lte=now) | models.Q(retry_at__gt=now + MAX_ROW_DELAY),
    )
    if workers_too:
        return pending
    return pending.filter(models.Q(not_before__lte=now) | models.Q(not_before__gt=now + WORKER_HEAD_START))


def lease_due(storage: PolarDBExportStorage, limit: int, *, workers_too: bool = True, parked: bool = False) -> Lease:
    """Lease up to `limit` tasks that are due, oldest change first; no two deliveries get the same one.

    parked: those whose rows alone could not be written, and no others.
    """
    lease = Lease(storage.pk)
    if not due_storages(workers_too=workers_too).filter(pk=storage.pk).exists():
        return lease  # without taking SQLite's write lock
    with transaction.atomic():
        _fold(storage.pk)
        due = due_pending(workers_too=workers_too).filter(storage=storage)
        due = due.exclude(parked_reason="") if parked else due.filter(parked_reason="")
        # On SQLite, which knows no such locks, a transaction has the database to itself from its start.
        locked = list(due.order_by("dirty_since", "pk").select_for_update(skip_locked=True)[:limit])
        # Again, now that nobody can take them: a lease that began between looking and locking was not seen.
        others = set(leases.living().values_list("pk", flat=True))
        lease.pending.extend(pending for pending in locked if pending.lease not in others)
        if lease.pending:
            lease.begin()
            PendingWriteback.objects.filter(pk__in=[pending.pk for pending in lease.pending]).update(lease=lease.id)
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
        update_fields=["token", "not_before", "parked_reason", "locked_since", "attempts", "retry_at"],
        batch_size=_RECORDS_BATCH_SIZE,
    )
    WritebackMark.objects.filter(pk__in=[mark_.pk for mark_ in found]).delete()


def is_at_work(storage: PolarDBExportStorage) -> bool:
    """Whether a delivery works on some of it now."""
    return bool(PendingWriteback.objects.filter(storage=storage, lease__in=leases.living().values("pk")).exists())


@dataclass(frozen=True)
class Unwritable:
    """Why a row alone could not be written. reason: empty if others hold it."""

    row_id: Key
    reason: str = ""


def clear(lease: Lease, unwritable: Mapping[int, Unwritable]) -> bool:
    """Clear what has been written, put off by task what could not be, and let go of the rest.

    Returns:
        Whether something was written that was parked before: what kept rows from it may be mended for all.

    What became dirty again meanwhile stays and is due. If the lease was lost (this process was frozen), a newer
    delivery may have been overtaken by what this one wrote: the task is dirty again.
    """
    outdated = sequence.superseded(lease.task_ids)
    with transaction.atomic():
        ours = _let_go(lease)
        done = [p for p in lease.pending if ours.get(p.task_id) == p.token]
        for pending in done:
            if pending.task_id in unwritable:
                _put_off(pending, unwritable[pending.task_id])
        written = [pending for pending in done if pending.task_id not in unwritable]
        PendingWriteback.objects.filter(pk__in=[pending.pk for pending in written]).delete()
        delays.record(lease.storage_id, [pending.dirty_since for pending in written], clock.now())
        if outdated:
            sequence.drop(outdated)
    return any(pending.parked_reason for pending in written)


def _put_off(pending: PendingWriteback, why: Unwritable) -> None:
    is_locked = not why.reason
    attempts = pending.attempts + 1 if is_locked == (pending.locked_since is not None) else 1
    now = clock.now()
    PendingWriteback.objects.filter(pk=pending.pk).update(
        lease=None,
        row_key=str(why.row_id),
        parked_reason=why.reason,
        locked_since=(pending.locked_since or now) if is_locked else None,
        attempts=attempts,
        retry_at=now + row_delay(attempts, is_locked=is_locked),
    )


def release(lease: Lease) -> None:
    """Let go of what is leased: nothing is known to be written."""
    with transaction.atomic():
        _let_go(lease)
        PendingWriteback.objects.filter(lease=lease.id).update(lease=None)


def _let_go(lease: Lease) -> dict[int, object]:
    """End the lease; the tokens of what is still ours, by task.

    Something may have been written of what is not (a table without transactions, a process that was frozen): its tasks
    are dirty again.
    """
    found = PendingWriteback.objects.filter(lease=lease.id).order_by("task_id").select_for_update()
    ours = dict(found.values_list("task_id", "token"))
    leases.end(lease)
    mark((lease.storage_id, task) for task in lease.task_ids if task not in ours)
    return ours


def set_has_result(task_ids: Iterable[int]) -> None:
    """Remember that rows of these tasks hold results of ours; outside of any transaction.

    Whoever deletes tasks locks their links in an order of its own: nobody is waited for while a lock is held.
    """
    links = PolarDBImportStorageLink.objects.filter(task_id__in=list(task_ids), has_result=False).order_by("pk")
    if not links.exists():
        return
    with transaction.atomic():
        free = list(links.select_for_update(skip_locked=True).values_list("pk", flat=True))
        PolarDBImportStorageLink.objects.filter(pk__in=free).update(has_result=True)
    for link in links.values_list("pk", flat=True):
        PolarDBImportStorageLink.objects.filter(pk=link).update(has_result=True)


def retry_parked(storage: PolarDBExportStorage) -> int:
    """Take what waits for a person for new, as if it had never failed; how many tasks it is."""
    return _update_parked(storage, retry_at=None, parked_reason="", attempts=0)


def wake_parked(storage: PolarDBExportStorage) -> None:
    """Let what waits for a person be tried again at once, a few at a time."""
    _update_parked(storage, retry_at=None)


def _update_parked(storage: PolarDBExportStorage, **values: object) -> int:
    parked = PendingWriteback.objects.filter(storage=storage).exclude(parked_reason="")
    with transaction.atomic():
        ids = list(parked.order_by("task_id").select_for_update().values_list("pk", flat=True))
        for start in range(0, len(ids), _TASKS_BATCH_SIZE):
            PendingWriteback.objects.filter(pk__in=ids[start : start + _TASKS_BATCH_SIZE]).update(**values)
    return len(ids)


def dirty(storages: Iterable[PolarDBExportStorage], task_ids: Sequence[int]) -> set[int]:
    """Those of these tasks that have a change that is not in its row yet."""
    found: set[int] = set()
    for model in (WritebackMark, PendingWriteback):
        records = model.objects.filter(storage__in=storages, task__in=task_ids)
        found |= set(records.values_list("task_id", flat=True))
    return found


def drop_gone() -> None:
    """Forget what is about storages and tasks that are gone: nothing of Label Studio's takes it along."""
    leases.drop_dead()
    delays.drop_gone()
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
