"""How write-back into the tables of export storages stands, for the pages, the API, the commands and the health check.

The outbox belongs to the floor above (`polardb_bridge.webhooks`). It hangs its records on the storage by their
relations `pending_writebacks` and `writeback_state`; they are read here through those names only. No table is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from polardb_bridge.storage.models import PolarDBExportStorage

# A change that is older than this and still not in its row is worth a look.
LATE_AFTER_S = 300.0
MAX_LISTED = 20


@dataclass(frozen=True)
class WritebackStatus:
    """The outbox of one export storage.

    pending: marks on their way; parked: marks that wait for a person. oldest_age_s: of all of them, None if there is
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
    counted = chosen.select_related("writeback_state").annotate(
        pending=Count("pending_writebacks", filter=Q(pending_writebacks__parked_reason="")),
        parked=Count("pending_writebacks", filter=~Q(pending_writebacks__parked_reason="")),
        oldest=Min("pending_writebacks__dirty_since"),
    )
    return [_status(storage, now) for storage in counted.order_by("pk")]


def writeback_status(storage: PolarDBExportStorage) -> WritebackStatus:
    """The status of one."""
    return writeback_statuses(PolarDBExportStorage.objects.filter(pk=storage.pk))[0]


def parked_tasks(storage: PolarDBExportStorage) -> list[str]:
    """The parked marks of a storage in words, the oldest first, at most MAX_LISTED."""
    marks = storage.pending_writebacks.exclude(parked_reason="").order_by("dirty_since", "pk")
    return in_words(marks[:MAX_LISTED])


def in_words(parked: QuerySet[Any]) -> list[str]:
    """Parked marks as people read of them: `task N: why its row could not be written`."""
    return [f"task {task_id}: {reason}" for task_id, reason in parked.values_list("task_id", "parked_reason")]


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


def _status(storage: Any, now: datetime) -> WritebackStatus:
    state = getattr(storage, "writeback_state", None)
    return WritebackStatus(
        storage_id=storage.pk,
        project_id=storage.project_id,
        table_address=storage.table_address,
        pending=storage.pending,
        parked=storage.parked,
        oldest_age_s=max(0.0, (now - storage.oldest).total_seconds()) if storage.oldest else None,
        attempts=state.attempts if state else 0,
        retry_at=state.retry_at if state else None,
        needs_person=bool(state and state.needs_person),
        last_error=state.last_error if state else "",
        last_success_at=state.last_success_at if state else None,
        reconciled_at=state.reconciled_at if state else None,
    )
