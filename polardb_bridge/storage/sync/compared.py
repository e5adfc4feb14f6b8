"""What comparing the rows of a table with our links gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from polardb_bridge.table.keys import Key
from polardb_bridge.table.row_keys import RowKey

# Of links, for `LinkedRow`, behind the key.
LINKED_FIELDS = ("task_id", "version", "is_missing", "is_outside", "memory__digest", "memory__revision")


class LinkedRow(NamedTuple):
    """A row that has a task. version, digest, revision: when the task was created or refreshed.

    row_id: its key, as it was spelled then. is_missing, is_outside: so it was at the last sync. digest: only if the row
    can have changed since and kept its version. revision: None before the first refresh.
    """

    row_id: Key
    task_id: int
    version: int
    is_missing: bool
    is_outside: bool = False
    digest: str | None = None
    revision: int | None = None


@dataclass
class Changes:
    """new: rows without task. changed: rows that differ from their task. missing: tasks without row.

    outside: tasks whose row does not meet the filter; before `confirm`, they count as missing.
    in_doubt: rows of the same version as their task that can differ all the same. bad: rows that cannot be tasks.
    """

    new: list[RowKey] = field(default_factory=list)
    changed: list[tuple[RowKey, LinkedRow]] = field(default_factory=list)
    missing: list[LinkedRow] = field(default_factory=list)
    outside: list[LinkedRow] = field(default_factory=list)
    in_doubt: list[tuple[RowKey, LinkedRow]] = field(default_factory=list)
    bad: list[RowKey] = field(default_factory=list)
    unchanged: int = 0

    def add(self, key: RowKey, link: LinkedRow | None) -> None:
        """A row, and what is linked to it."""
        if key.problem:
            self.bad.append(key)
        elif link is None:
            self.new.append(key)
        elif link.is_missing or link.is_outside or link.version != key.version or link.row_id != key.id:
            self.changed.append((key, link))
        elif link.digest or not key.version:
            self.in_doubt.append((key, link))
        else:
            self.unchanged += 1
