"""What came of a sync, in counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields

from polardb_bridge.errors import RowError
from polardb_bridge.table.keys import Key, shown_key
from polardb_bridge.table.text import shown

MAX_LISTED_ERRORS = 100


@dataclass
class SyncReport:
    """What a sync did so far, or would do.

    rows: read from the table. existed: tasks that needed nothing. updated: tasks of changed rows. removed, kept: tasks
    of deleted rows without and with work in them. outside: tasks with work in them whose rows do not meet the filter
    any more; those without count as removed. failed: rows whose image, or whose result, cannot be read. errors:
    the first of them, each with its key and the reason.
    """

    rows: int = 0
    created: int = 0
    existed: int = 0
    updated: int = 0
    removed: int = 0
    kept: int = 0
    outside: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)

    def add_error(self, row_id: Key, name: str, error: RowError) -> None:
        self.failed += 1
        if len(self.errors) < MAX_LISTED_ERRORS:
            self.errors.append(f"row {shown_key(row_id)} ({shown(name)}): {error}")

    def add_without_key(self, count: int) -> None:
        """Rows that have NULL for their key, together."""
        if count:
            self.failed += count
            message = f"{count} rows have NULL for their key, and become no tasks"
            self.errors.append(message)

    def __add__(self, other: SyncReport) -> SyncReport:
        together = {part.name: getattr(self, part.name) + getattr(other, part.name) for part in fields(self)}
        return SyncReport(**{**together, "errors": together["errors"][:MAX_LISTED_ERRORS]})


Progress = Callable[[SyncReport], None]
