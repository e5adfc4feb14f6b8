"""Rows that can change and keep their `updated_at`: their tasks' links remember a digest until that is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa
from django.db.models import QuerySet

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.compared import LinkedRow
from polardb_bridge.storage.sync.models import RowMemory, SyncState
from polardb_bridge.table.connection import connect
from polardb_bridge.table.horizon import MAX_NEWEST_ROWS, NO_DOUBT, Horizon, newest_after, read_horizon, seconds_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import RowKey

_BATCH_SIZE = 500


def stored_horizon(storage: PolarDBImportStorage) -> Horizon | None:
    """That of the newest sync; None before the first."""
    state = SyncState.objects.filter(storage=storage.pk).first()
    return Horizon(**state.horizon) if state and state.horizon else None


class Doubt:
    """What one process of a sync remembers and forgets. All processes of a shared sync have one horizon."""

    def __init__(self, storage: PolarDBImportStorage, horizon: Horizon) -> None:
        self.horizon = horizon
        self._storage = storage
        self._newest_left = MAX_NEWEST_ROWS

    @classmethod
    def begin(cls, storage: PolarDBImportStorage, source: ConnectionParameters) -> Doubt:
        """For a sync that begins now."""
        with connect(source) as connection:
            is_ordered = storage.table_mapping.version_kind.is_ordered
            doubt = cls(storage, read_horizon(connection) if is_ordered else NO_DOUBT)
        doubt._store()
        return doubt

    @classmethod
    def join(cls, storage: PolarDBImportStorage, source: ConnectionParameters) -> Doubt:
        """For a process that helps with a sync, or goes on with it."""
        horizon = stored_horizon(storage)
        return cls(storage, horizon) if horizon else cls.begin(storage, source)

    def _store(self) -> None:
        SyncState.objects.filter(storage=self._storage.pk).update(horizon=asdict(self.horizon))

    def expect(self, keys: Sequence[RowKey], source: ConnectionParameters, table: sa.Table) -> None:
        """Before the tasks of these rows are written: see that not too many are remembered.

        A table that was just loaded has more new rows than are remembered for being the newest.
        """
        self._newest_left -= sum(self.horizon.is_newest(key.version) for key in keys)
        if self._newest_left < 0:
            self.narrow(source, table)

    def narrow(self, source: ConnectionParameters, table: sa.Table) -> None:
        """Find out which rows are the newest."""
        with connect(source) as connection:
            newest = newest_after(connection, table, self.horizon)
        self.horizon = replace(self.horizon, newest_after=newest)
        self._newest_left = MAX_NEWEST_ROWS
        self._store()

    def forget(self, compared: Sequence[LinkedRow]) -> None:
        """Of these rows, which hold what their tasks show, the settled ones."""
        self._forget([link.task_id for link in compared if self.horizon.is_settled(link.version)])

    def forget_older(self) -> None:
        """At the end of a sync: all rows that are remembered for being the newest, but so many of them."""
        remembered = self._memories().exclude(link__version=0).order_by("-link__version")
        versions = remembered.values_list("link__task_id", "link__version")
        newest = [task_id for task_id, version in versions if seconds_of(version) < self.horizon.open_since]
        self._forget(newest[MAX_NEWEST_ROWS:])

    def _forget(self, task_ids: list[int]) -> None:
        for start in range(0, len(task_ids), _BATCH_SIZE):
            forgotten = self._memories().filter(link__task_id__in=task_ids[start : start + _BATCH_SIZE])
            forgotten.filter(revision=0).delete()
            forgotten.update(digest="")

    def _memories(self) -> QuerySet[RowMemory]:
        return RowMemory.objects.filter(link__storage=self._storage.pk).exclude(digest="")
