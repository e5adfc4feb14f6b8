from __future__ import annotations

from polardb_bridge.storage.sync.changes import compare
from polardb_bridge.storage.sync.compared import LinkedRow
from polardb_bridge.table.row_keys import RowKey


def key(row_id: int, version: int = 1) -> RowKey:
    return RowKey(row_id, f"{row_id}.png", version)


def link(row_id: int, version: int = 1, is_missing: bool = False) -> LinkedRow:
    return LinkedRow(row_id, task_id=row_id + 100, version=version, is_missing=is_missing)


def test_each_row_is_new_changed_unchanged_or_missing() -> None:
    changes = compare(
        [key(1), key(2, version=5), key(4), key(5)], [link(2), link(3), link(4), link(5, is_missing=True)]
    )
    assert changes.new == [key(1)]
    assert changes.changed == [(key(2, version=5), link(2)), (key(5), link(5, is_missing=True))]
    assert changes.missing == [link(3)]
    assert changes.unchanged == 1


def test_nothing_compared_with_nothing() -> None:
    changes = compare([], [])
    assert (changes.new, changes.changed, changes.missing, changes.unchanged) == ([], [], [], 0)
