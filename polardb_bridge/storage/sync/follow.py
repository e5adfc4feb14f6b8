"""Keeping tasks in step with the rows of a range of keys.

Keys first, compared page by page with the tasks there are; then the images of new and changed rows only. Tasks are
written in batches, each with its links in one transaction: a sync that is interrupted anywhere leaves nothing
half-done, and the next one goes on with what is still to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync import task_writer
from polardb_bridge.storage.sync.changes import Changes, find_changes
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.task_data import read_task_data, with_existing_results
from polardb_bridge.storage.sync.task_writer import NumberBlock
from polardb_bridge.table.rows import ALL_KEYS, KeyRange

# After each batch: SQLite has no queue of writers, and a request that waits to write looks every 2 ms
# (databases/sqlite/base.py).
OTHERS_TURN_S = 0.005


def follow_rows(
    storage: PolarDBImportStorage,
    connection: sa.Connection,
    table: sa.Table,
    report: SyncReport,
    progress: Callable[[], None],
    within: KeyRange = ALL_KEYS,
    numbers: NumberBlock | None = None,
) -> None:
    """Bring the tasks of a range of rows in step with them; `report` counts along, `progress` is called often.

    numbers: for the new tasks; without, they get those after the project's last.

    Raises:
        BridgeError: the table cannot be read.
    """
    for changes in find_changes(storage, connection, table, within):
        report.existed += changes.unchanged
        report.rows += changes.unchanged
        progress()
        _write_tasks(storage, connection, table, changes, report, progress, numbers)
        for batch in task_writer.removable_batches(changes.missing):
            removed, kept = task_writer.remove_tasks(storage.project, batch)
            report.removed += removed
            report.kept += kept
            progress()


def _write_tasks(
    storage: PolarDBImportStorage,
    connection: sa.Connection,
    table: sa.Table,
    changes: Changes,
    report: SyncReport,
    progress: Callable[[], None],
    numbers: NumberBlock | None,
) -> None:
    links = {key.id: link for key, link in changes.changed}
    annotated = {key.id for key in changes.new if key.is_annotated}
    keys = sorted([*changes.new, *(key for key, _ in changes.changed)], key=lambda key: key.id)
    with closing(read_task_data(storage, connection, table, keys, report)) as batches:
        for batch in batches:
            new = [data for data in batch if data.row_id not in links]
            changed = [(data, links[data.row_id]) for data in batch if data.row_id in links]
            if new:
                new = with_existing_results(storage, new, annotated, report)
                created = task_writer.create_tasks(storage, new, numbers)
                report.created += created
                report.existed += len(new) - created
            if changed:
                task_writer.refresh_tasks(changed)
            report.updated += len(changed)
            progress()
            time.sleep(OTHERS_TURN_S)
