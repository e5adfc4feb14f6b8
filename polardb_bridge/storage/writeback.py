"""How the write-back into an export storage's table goes, for the storage's card.

The outbox belongs to the floor above (`polardb_bridge.webhooks`). It hangs its records on the storage by their
relations `pending_writebacks` and `writeback_state`; they are read here through those names only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from polardb_bridge.storage.models import PolarDBExportStorage

LISTED_PROBLEMS = 20


@dataclass(frozen=True)
class WritebackStatus:
    """pending: tasks whose rows are still to be written; failed: tasks whose rows could not be, with `problems`.

    error: why the table as a whole cannot be written now; it is tried again by itself at `retry_at`.
    """

    pending: int
    failed: int
    problems: list[str]
    last_written_at: datetime | None
    error: str
    retry_at: datetime | None


def writeback_status(storage: PolarDBExportStorage) -> WritebackStatus:
    """Read the state from Label Studio's database; the table is not asked."""
    marks = storage.pending_writebacks
    failed = marks.exclude(problem="").order_by("dirty_since", "pk")
    state = getattr(storage, "writeback_state", None)
    return WritebackStatus(
        pending=marks.filter(problem="").count(),
        failed=failed.count(),
        problems=[f"task {mark.task_id}: {mark.problem}" for mark in failed[:LISTED_PROBLEMS]],
        last_written_at=state.last_success_at if state else None,
        error=state.last_error if state else "",
        retry_at=state.retry_at if state else None,
    )
