"""What a sync would do, without doing it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync import task_writer
from polardb_bridge.storage.sync.changes import find_changes, settle
from polardb_bridge.storage.sync.confirm import confirm
from polardb_bridge.storage.sync.refused import refused_in
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.table.connection import connect
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import ALL_KEYS, count_without_key
from polardb_bridge.table.schema import validate_table
from polardb_bridge.table.size import TableSize

# What a person who looks at the preview waits for.
MAX_COMPARED_ROWS = 200_000
COMPARING_TIMEOUT_S = 1.5


def plan_sync(storage: PolarDBImportStorage) -> SyncReport:
    """What a sync would do now; nothing is changed. Images are not read: bad rows count as new ones.

    Raises:
        BridgeError: the table cannot be read.
    """
    report = SyncReport()
    source = storage.connection_parameters()
    with connect(source) as connection:
        table = storage.source_table
        validate_table(connection, table)
        report.add_without_key(count_without_key(connection, table))
    _compare(storage, source, table, report)
    report.failed += refused_in(storage, ALL_KEYS).count()
    return report


@dataclass(frozen=True)
class QuickPlan:
    """What a sync would do, in tasks. changed, deleted: None if the table is too large to compare it quickly.

    existing: those that need nothing. deleted: of missing rows; some of them may be kept.
    """

    new: int
    existing: int
    changed: int | None
    deleted: int | None


def plan_quickly(
    storage: PolarDBImportStorage, source: ConnectionParameters, table: sa.Table, size: TableSize
) -> QuickPlan:
    """Like `plan_sync`, in about COMPARING_TIMEOUT_S; of a large table, only what its size tells.

    storage: may be unsaved.

    Raises:
        BridgeError: the table cannot be read.
    """
    report = SyncReport()
    if size.rows <= MAX_COMPARED_ROWS and _compare(
        storage, source, table, report, time.monotonic() + COMPARING_TIMEOUT_S
    ):
        return QuickPlan(report.created, report.existed, report.updated, report.removed + report.kept)
    linked = PolarDBImportStorageLink.objects.filter(storage_id=storage.pk).count()
    return QuickPlan(new=max(0, size.rows - linked), existing=min(linked, size.rows), changed=None, deleted=None)


def _compare(
    storage: PolarDBImportStorage,
    source: ConnectionParameters,
    table: sa.Table,
    report: SyncReport,
    until: float | None = None,
) -> bool:
    """Count into `report`; False if the time is up before the end."""
    for changes in find_changes(storage, source, table):
        if until is None:
            settle(changes, source, table)
            confirm(changes, storage)
        elif time.monotonic() > until:
            return False
        changes.unchanged += len(changes.in_doubt)
        report.rows += changes.unchanged + len(changes.new) + len(changes.changed) + len(changes.bad)
        report.failed += len(changes.bad)
        report.existed += changes.unchanged
        report.created += len(changes.new)
        report.updated += len(changes.changed)
        for batch in task_writer.removable_batches(changes.missing):
            removed, kept = task_writer.count_removable(batch, storage)
            report.removed += removed
            report.kept += kept
        for batch in task_writer.removable_batches(changes.outside):
            removed, kept = task_writer.count_removable(batch, storage, reason=task_writer.OUTSIDE)
            report.removed += removed
            report.outside += kept
    return True
