"""What happened to the rows of a table since their tasks were made. A pure comparison of two sorted lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from polardb_bridge.table.rows import RowKey


@dataclass(frozen=True)
class LinkedRow:
    """A row that has a task. version: that of the row when the task was made or refreshed; vanished: not there then."""

    row_id: int
    task_id: int
    version: int
    vanished: bool


@dataclass
class Changes:
    """new: rows without task. changed: rows that differ from their task. vanished: tasks without row."""

    new: list[RowKey] = field(default_factory=list)
    changed: list[tuple[RowKey, LinkedRow]] = field(default_factory=list)
    vanished: list[LinkedRow] = field(default_factory=list)
    unchanged: int = 0


def compare(keys: Iterable[RowKey], links: Iterable[LinkedRow]) -> Changes:
    """Compare the rows of a range of ids with the tasks of the same range."""
    changes = Changes()
    linked = {link.row_id: link for link in links}
    for key in keys:
        link = linked.pop(key.id, None)
        if link is None:
            changes.new.append(key)
        elif link.vanished or link.version != key.version:
            changes.changed.append((key, link))
        else:
            changes.unchanged += 1
    changes.vanished.extend(linked.values())
    return changes
