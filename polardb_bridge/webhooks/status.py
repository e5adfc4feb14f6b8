"""How write-back stands, for the health page, the commands and the storage's own page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils import timezone

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks.models import WritebackState

# A change that is older than this and still not in its row is worth a look.
LATE_S = 300.0


@dataclass(frozen=True)
class StorageStatus:
    """The outbox of one export storage.

    pending: marks on their way; failed: marks that wait for a person. oldest_age_seconds: of all of them, None where
    there is none. attempts: failed ones since the last success; retry_at: the next one.
    """

    storage_id: int
    project_id: int
    table: str
    pending: int
    failed: int
    oldest_age_seconds: float | None
    attempts: int
    retry_at: datetime | None
    needs_person: bool
    last_error: str
    last_success_at: datetime | None
    reconciled_at: datetime | None

    @property
    def is_healthy(self) -> bool:
        late = self.oldest_age_seconds is not None and self.oldest_age_seconds > LATE_S
        return not (self.failed or self.attempts or late)


def statuses() -> list[StorageStatus]:
    """The status of every export storage, by id."""
    now = timezone.now()
    storages = PolarDBExportStorage.objects.select_related("writeback_state").annotate(
        pending=Count("pending_writebacks", filter=Q(pending_writebacks__problem="")),
        failed=Count("pending_writebacks", filter=~Q(pending_writebacks__problem="")),
        oldest=Min("pending_writebacks__dirty_since"),
    )
    return [_status(storage, now) for storage in storages.order_by("pk")]


def _status(storage: PolarDBExportStorage, now: datetime) -> StorageStatus:
    state = getattr(storage, "writeback_state", None) or WritebackState()
    return StorageStatus(
        storage_id=storage.pk,
        project_id=storage.project_id,
        table=storage.address,
        pending=storage.pending,
        failed=storage.failed,
        oldest_age_seconds=max(0.0, (now - storage.oldest).total_seconds()) if storage.oldest else None,
        attempts=state.attempts,
        retry_at=state.retry_at,
        needs_person=state.needs_person,
        last_error=state.last_error,
        last_success_at=state.last_success_at,
        reconciled_at=state.reconciled_at,
    )
