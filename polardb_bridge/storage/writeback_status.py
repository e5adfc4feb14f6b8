"""How write-back into the tables of export storages stands, for the pages, the API, the commands and the health check.

The outbox belongs to the floor above (`polardb_bridge.webhooks`). It hangs its records on the storage by their
relations `writeback_marks`, `pending_writebacks` and `writeback_state`; they are read here through those names only. No
table is asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Value
from django.utils import timezone
from tasks.models import Task

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.table.keys import shown_key

# A change that is older than this and still not in its row is worth a look.
LATE_AFTER_S = 300.0
MAX_LISTED = 20
# A row that others hold is a problem only then.
LISTED_AFTER_S = 5.0


@dataclass(frozen=True)
class WritebackStatus:
    """The outbox of one export storage.

    pending: tasks on their way; parked: tasks that wait for a person. oldest_age_s: of all of them, None if there is
    none. attempts: failed ones since the last success; retry_at: the next one. last_error: why the table as a whole
    cannot be written now. needs_person: it does not heal by itself.
    """

    storage_id: int
    project_id: int
    table_address: str
    pending: int
    parked: int
    oldest_age_s: float | None
    attempts: int
    retry_at: datetime | None
    needs_person: bool
    last_error: str
    last_success_at: datetime | None
    reconciled_at: datetime | None

    @property
    def is_healthy(self) -> bool:
        is_late = self.oldest_age_s is not None and self.oldest_age_s > LATE_AFTER_S
        return not (self.parked or self.attempts or is_late)


def writeback_statuses(storages: QuerySet[PolarDBExportStorage] | None = None) -> list[WritebackStatus]:
    """The status of these export storages, of all if None, by id."""
    now = timezone.now()
    chosen = PolarDBExportStorage.objects.all() if storages is None else storages
    found = unwritten(chosen)
    return [
        _status(storage, found.get(storage.pk, Unwritten()), now)
        for storage in chosen.select_related("writeback_state").order_by("pk")
    ]


def writeback_status(storage: PolarDBExportStorage) -> WritebackStatus:
    """The status of one."""
    return writeback_statuses(PolarDBExportStorage.objects.filter(pk=storage.pk))[0]


def tasks_with_unwritten(project_id: int, task_ids: Collection[int]) -> set[int]:
    """Those of these tasks whose rows do not hold yet what they should."""
    targets = PolarDBExportStorage.objects.filter(project=project_id).values("pk")
    waiting: set[int] = set()
    # In this order: a delivery turns marks into records.
    for name in ("writeback_marks", "pending_writebacks"):
        records = PolarDBExportStorage._meta.get_field(name).related_model.objects
        waiting |= set(records.filter(storage__in=targets, task__in=task_ids).values_list("task", flat=True))
    return waiting


@dataclass
class Unwritten:
    """Of one export storage: tasks on their way, tasks that wait for a person, and when the oldest of them changed.

    oldest_pending: the oldest of those on their way.
    """

    pending: int = 0
    parked: int = 0
    oldest: datetime | None = None
    oldest_pending: datetime | None = None


def unwritten(storages: QuerySet[PolarDBExportStorage], changed_until: datetime | None = None) -> dict[int, Unwritten]:
    """By storage id, what is not in its row yet; in one query.

    changed_until: leave out what was first changed later than that.

    A task counts once, however often it changed, and not at all if it is gone. One that was parked and has changed
    since is on its way again.
    """
    mine = {"storage": OuterRef("storage"), "task": OuterRef("task")}
    records, marks = (
        PolarDBExportStorage._meta.get_field(name).related_model.objects.filter(
            Exists(Task.objects.filter(pk=OuterRef("task"))), storage__in=storages.order_by().values("pk")
        )
        for name in ("pending_writebacks", "writeback_marks")
    )
    is_parked = ~Q(parked_reason="") & ~Exists(marks.filter(**mine))
    known = records.annotate(is_parked=is_parked).order_by().values("storage", "is_parked")
    new = marks.filter(~Exists(records.filter(**mine))).order_by().values("storage")
    if changed_until:
        known, new = known.filter(dirty_since__lte=changed_until), new.filter(marked_at__lte=changed_until)
    known = known.annotate(n=Count("task"), oldest=Min("dirty_since"))
    new = new.annotate(is_parked=Value(False), n=Count("task", distinct=True), oldest=Min("marked_at"))
    columns = ("storage", "is_parked", "n", "oldest")
    found: dict[int, Unwritten] = {}
    # In one statement: between two, a delivery could turn marks into records that neither of them sees.
    for storage_id, parked, count, oldest in known.values_list(*columns).union(new.values_list(*columns), all=True):
        of_storage = found.setdefault(storage_id, Unwritten())
        of_storage.oldest = min(oldest, of_storage.oldest or oldest)
        if parked:
            of_storage.parked += count
        else:
            of_storage.pending += count
            of_storage.oldest_pending = min(oldest, of_storage.oldest_pending or oldest)
    return found


def unwritten_of(storage: PolarDBExportStorage, changed_until: datetime | None = None) -> Unwritten:
    """The same of one; of a storage that is gone, nothing."""
    return unwritten(PolarDBExportStorage.objects.filter(pk=storage.pk), changed_until).get(storage.pk, Unwritten())


def problems(storage: PolarDBExportStorage, limit: int = MAX_LISTED) -> list[str]:
    """The rows that could not be written, the oldest first, and why: `row 7 (task 12): …`.

    What is parked; and what others have locked for longer than a transaction should take.
    """
    found = listed(storage.pending_writebacks.all())
    values = found.values_list("row_key", "task_id", "parked_reason", "locked_since")[:limit]
    return [
        f"{f'row {shown_key(key)} (task {task_id})' if key else f'task {task_id}'}: {why(reason, since)}"
        for key, task_id, reason, since in values
    ]


def listed(records: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the outbox's records that are problems, the oldest first."""
    long_locked = Q(locked_since__lte=timezone.now() - timedelta(seconds=LISTED_AFTER_S))
    there = Exists(Task.objects.filter(pk=OuterRef("task")))
    return records.filter(there, ~Q(parked_reason="") | long_locked).order_by("dirty_since", "pk")


def why(parked_reason: str, locked_since: datetime | None) -> str:
    """Why the row of a listed record could not be written."""
    return parked_reason or f"another transaction has locked it since {locked_since:%H:%M:%S} UTC"


def as_json(status: WritebackStatus) -> dict[str, Any]:
    """What programs get: /polardb/health and `deliver_writebacks --json`."""
    return {
        "storage_id": status.storage_id,
        "project_id": status.project_id,
        "table": status.table_address,
        "pending": status.pending,
        "failed": status.parked,
        "oldest_age_seconds": status.oldest_age_s,
        "attempts": status.attempts,
        "retry_at": status.retry_at,
        "needs_person": status.needs_person,
        "last_error": status.last_error,
        "last_success_at": status.last_success_at,
        "reconciled_at": status.reconciled_at,
    }


def _status(storage: Any, found: Unwritten, now: datetime) -> WritebackStatus:
    state = getattr(storage, "writeback_state", None)
    return WritebackStatus(
        storage_id=storage.pk,
        project_id=storage.project_id,
        table_address=storage.table_address,
        pending=found.pending,
        parked=found.parked,
        oldest_age_s=max(0.0, (now - found.oldest).total_seconds()) if found.oldest else None,
        attempts=state.attempts if state else 0,
        retry_at=state.retry_at if state else None,
        needs_person=bool(state and state.needs_person),
        last_error=state.last_error if state else "",
        last_success_at=state.last_success_at if state else None,
        reconciled_at=state.reconciled_at if state else None,
    )
