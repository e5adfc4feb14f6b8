"""Keeping tasks in step with the rows of a range of keys.

Keys first, compared page by page with the tasks there are; then the images of new and changed rows only. Tasks are
written in batches, each with its links in one transaction: a sync that is interrupted anywhere leaves nothing
half-done, and the next one goes on with what is still to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TypeVar

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.storage.sync import task_writer
from polardb_bridge.storage.sync.adoption import Adoption
from polardb_bridge.storage.sync.changes import find_changes, settle
from polardb_bridge.storage.sync.compared import Changes, LinkedRow
from polardb_bridge.storage.sync.confirm import confirm
from polardb_bridge.storage.sync.doubt import Doubt
from polardb_bridge.storage.sync.refused import REFUSED, bring_in_refused, not_accepted
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.task_data import TaskData, read_task_data
from polardb_bridge.storage.sync.task_writer import Writer
from polardb_bridge.table.keys import order_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import ALL_KEYS, KeyRange, RowKey
from polardb_bridge.table.time_limit import count_anew

# After each batch: SQLite has no queue of writers, and a request that waits to write looks every 2 ms
# (databases/sqlite/base.py).
OTHERS_TURN_S = 0.005
# The tasks can hold whole pictures.
_ADOPTED_BATCH_SIZE = 50

_Item = TypeVar("_Item")


@dataclass
class Follower:
    """Brings the tasks of rows in step with them; `report` counts along, `progress` is called often."""

    source: ConnectionParameters
    table: sa.Table
    writer: Writer
    doubt: Doubt
    report: SyncReport
    progress: Callable[[], None]
    adoption: Adoption = field(init=False)

    def __post_init__(self) -> None:
        self.adoption = Adoption(self.writer.storage)

    def follow(self, within: KeyRange = ALL_KEYS) -> None:
        """The rows of a range.

        Raises:
            BridgeError: the table cannot be read, or the sync is no longer this process'.
        """
        bring_in_refused(self.writer, self.source, within, self.report, self._get_on)
        for changes in find_changes(self.writer.storage, self.source, self.table, within):
            self.doubt.forget(settle(changes, self.source, self.table))
            confirm(changes, self.writer.storage)
            self.report.existed += changes.unchanged
            self.report.rows += changes.unchanged
            self._refuse(changes.bad)
            self._get_on()
            self._write(changes)
            for batch in task_writer.removable_batches(changes.missing):
                removed, kept = self.writer.remove(batch)
                self.report.removed += removed
                self.report.kept += kept
                self._get_on()
            for batch in task_writer.removable_batches(changes.outside):
                removed, kept = self.writer.remove(batch, reason=task_writer.OUTSIDE)
                self.report.removed += removed
                self.report.outside += kept
                self._get_on()

    def _get_on(self) -> None:
        count_anew()
        self.progress()

    def _refuse(self, keys: Sequence[RowKey]) -> None:
        for key in keys:
            self.report.rows += 1
            self.report.add_error(key.id, key.original_name, RowError(key.problem))

    def _write(self, changes: Changes) -> None:
        linked = {key.id: link for key, link in changes.changed}
        known = {key.id: key.version for key, _ in changes.changed}
        keys = sorted([*changes.new, *(key for key, _ in changes.changed)], key=lambda key: order_of(key.id))
        self.doubt.expect(keys, self.source, self.table)
        storage = self.writer.storage
        is_current = _is_as_new if storage.table_mapping.version_kind.is_ordered else _is_same
        reading = read_task_data(storage, self.source, self.table, keys, linked, self.doubt.horizon, self.report)
        with closing(reading) as batches:
            for batch in batches:
                new = self._adopt([data for data in batch if data.row_id not in linked])
                # Another replica may have answered than the one that the keys came from: older never replaces newer.
                there = [data for data in batch if data.row_id in linked]
                changed = [(data, linked[data.row_id]) for data in there if is_current(known[data.row_id], data)]
                self.report.existed += len(there) - len(changed)
                if new:
                    self._create(new)
                if changed:
                    self._refresh(changed)
                self._get_on()
                time.sleep(OTHERS_TURN_S)

    def _adopt(self, new: list[TaskData]) -> list[TaskData]:
        """Take what tasks there are already for new rows; the others."""
        pairs = self.adoption.choose(new, self.source, self.table)
        if not pairs:
            return new
        # A task that somebody has labeled keeps what it has.
        taken = [
            (replace(data, existing=None, is_refused=False) if orphan.is_annotated else data, orphan.task_id)
            for data, orphan in pairs
        ]
        for start in range(0, len(taken), _ADOPTED_BATCH_SIZE):
            self.writer.adopt(taken[start : start + _ADOPTED_BATCH_SIZE])
        self.report.existed += len(pairs)
        adopted = {data.row_id for data, _ in pairs}
        return [data for data in new if data.row_id not in adopted]

    def _create(self, batch: Sequence[TaskData]) -> None:
        try:
            created = self.writer.create(batch)
        except REFUSED as error:
            if len(batch) > 1:
                for half in _halves(batch):
                    self._create(half)
                return
            [data] = batch
            self._add_refused(data, error)
            if data.existing:  # it may be the result alone
                self._create([replace(data, existing=None, is_refused=True)])
            return
        self.report.created += created
        self.report.existed += len(batch) - created

    def _refresh(self, batch: Sequence[tuple[TaskData, LinkedRow]]) -> None:
        try:
            self.report.updated += self.writer.refresh(batch)
        except REFUSED as error:
            if len(batch) > 1:
                for half in _halves(batch):
                    self._refresh(half)
            else:
                self._add_refused(batch[0][0], error)

    def _add_refused(self, data: TaskData, error: Exception) -> None:
        self.report.add_error(data.row_id, data.original_name, not_accepted(error))


def _is_as_new(known: int, data: TaskData) -> bool:
    return known <= data.version


def _is_same(known: int, data: TaskData) -> bool:
    return known == data.version


def _halves(batch: Sequence[_Item]) -> Iterable[Sequence[_Item]]:
    middle = len(batch) // 2
    return batch[:middle], batch[middle:]
