"""What comparing the rows of a table with our links gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from polardb_bridge.table.keys import Key
from polardb_bridge.table.rows import RowKey


class LinkedRow(NamedTuple):
    """A row that has a task. version, digest, revision: when the task was created or refreshed; is_missing: so it was.

    row_id: its key, as it was spelled then. digest: only if the row can have changed since and kept its version.
    revision: None before the first refresh.
    """

    row_id: Key
    task_id: int
    version: int
    is_missing: bool
    digest: str | None = None
    revision: int | None = None


@dataclass
class Changes:
    """new: rows without task. changed: rows that differ from their task. missing: tasks without row.

    in_doubt: rows of the same version as their task that can differ all the same. bad: rows that cannot be tasks.
    """

    new: list[RowKey] = field(default_factory=list)
    changed: list[tuple[RowKey, LinkedRow]] = field(default_factory=list)
    missing: list[LinkedRow] = field(default_factory=list)
    in_doubt: list[tuple[RowKey, LinkedRow]] = field(default_factory=list)
    bad: list[RowKey] = field(default_factory=list)
    unchanged: int = 0

    def add(self, key: RowKey, link: LinkedRow | None) -> None:
        """A row, and what is linked to it."""
        if key.problem:
            self.bad.append(key)
        elif link is None:
            self.new.append(key)
        elif link.is_missing or link.version != key.version or link.row_id != key.id:
            self.changed.append((key, link))
        elif link.digest or not key.version:
            self.in_doubt.append((key, link))
        else:
            self.unchanged += 1
