"""Keeping tasks in step with the rows of a range of keys.

Keys first, which is cheap, compared page by page with the tasks there are; then the images of new and changed rows
only. Tasks are written in batches bounded by rows and by bytes, each with its links in one transaction: a sync that is
interrupted anywhere leaves nothing half-made, and the next one goes on with what is still to do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.storage import task_writer
from polardb_bridge.storage.changes import Changes, LinkedRow, compare
from polardb_bridge.storage.existing import read_existing
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.read_ahead import read_ahead
from polardb_bridge.storage.report import SyncReport
from polardb_bridge.storage.task_writer import NumberBlock, TaskData
from polardb_bridge.table.images import data_uri
from polardb_bridge.table.rows import ALL_KEYS, KeyRange, RowKey, SourceRow, read_key_pages, read_rows

BATCH_ROWS = 1000
BATCH_BYTES = 8 * 1024 * 1024
REMOVED_AT_ONCE = 500
# After each batch: SQLite has no queue of writers, and a request that waits to write looks every 2 ms (sqlite/base.py).
OTHERS_TURN_S = 0.005


def follow_rows(
    storage: PolarDBImportStorage,
    connection: sa.Connection,
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
    for changes in find_changes(storage, connection, within):
        _apply(storage, connection, changes, report, progress, numbers)


def find_changes(
    storage: PolarDBImportStorage, connection: sa.Connection, within: KeyRange = ALL_KEYS
) -> Iterator[Changes]:
    """The differences between rows and tasks, a page of rows at a time.

    Raises:
        BridgeError: the table cannot be read.
    """
    links = PolarDBImportStorageLink.objects.filter(storage_id=storage.pk)
    linked = links.values_list("row_id", "task_id", "version", "vanished")
    pattern = re.compile(storage.regex_filter) if storage.regex_filter else None

    def is_wanted(key: RowKey) -> bool:
        return not (storage.only_unannotated and key.is_annotated) and not (
            pattern and not pattern.match(key.original_name)
        )

    def between(after: int | None, until: int | None) -> Iterable[LinkedRow]:
        found = linked if after is None else linked.filter(row_id__gt=after)
        return (LinkedRow(*row) for row in (found if until is None else found.filter(row_id__lte=until)))

    after = within.after
    matters = storage.only_unannotated or storage.existing_annotations != storage.ExistingAnnotations.IGNORE
    for keys in read_key_pages(connection, storage.table, within, with_results=matters):
        last = keys[-1].id
        changes = compare(keys, between(after, last))
        changes.new = [key for key in changes.new if is_wanted(key)]
        yield changes
        after = last
    yield compare([], between(after, within.until))


def _apply(
    storage: PolarDBImportStorage,
    connection: sa.Connection,
    changes: Changes,
    report: SyncReport,
    progress: Callable[[], None],
    numbers: NumberBlock | None,
) -> None:
    report.existed += changes.unchanged
    report.rows += changes.unchanged
    progress()
    links = {key.id: link for key, link in changes.changed}
    annotated = {key.id for key in changes.new if key.is_annotated}
    keys = sorted([*changes.new, *(key for key, _ in changes.changed)], key=lambda key: key.id)
    with closing(_read_batches(storage, connection, keys, report)) as batches:
        for batch in batches:
            new = _with_existing(storage, [data for data in batch if data.row_id not in links], annotated, report)
            changed = [(data, links[data.row_id]) for data in batch if data.row_id in links]
            if new:
                created = task_writer.create_tasks(storage, new, numbers)
                report.created += created
                report.existed += len(new) - created
            if changed:
                task_writer.refresh_tasks(storage, changed)
            report.updated += len(changed)
            progress()
            time.sleep(OTHERS_TURN_S)
    for vanished in chunks(changes.vanished, REMOVED_AT_ONCE):
        removed, kept = task_writer.remove_tasks(storage, vanished)
        report.removed += removed
        report.kept += kept
        progress()


def _read_batches(
    storage: PolarDBImportStorage, connection: sa.Connection, keys: list[RowKey], report: SyncReport
) -> Generator[list[TaskData], None, None]:
    """What the tasks of these rows hold, in batches; bad rows go to the report."""
    if storage.delivery_in_use == storage.ImageDelivery.LINK:
        report.rows += len(keys)
        return _batches(_linked(storage, key) for key in keys)
    # Rows are read and checked while the batch before is written.
    return read_ahead(_batches(_decoded(storage, connection, keys, report)))


def _linked(storage: PolarDBImportStorage, key: RowKey) -> TaskData:
    return TaskData(key.id, key.version, ImageLink(storage.pk, key.id, key.version).url, key.original_name)


def _decoded(
    storage: PolarDBImportStorage, connection: sa.Connection, keys: list[RowKey], report: SyncReport
) -> Iterator[TaskData]:
    versions = {key.id: key.version for key in keys}

    def decoded(row: SourceRow) -> TaskData | None:
        report.rows += 1
        try:
            if "\x00" in row.original_name:
                raise RowError("original_name has a NUL character")
            return TaskData(row.id, versions[row.id], data_uri(row.base64_data), row.original_name)
        except RowError as error:
            report.add_error(row.id, row.original_name, error)
            return None

    # `map` and `filter` hold no row while the next one is read: one of them can be large.
    yield from filter(None, map(decoded, read_rows(connection, storage.table, list(versions))))


def _with_existing(
    storage: PolarDBImportStorage, batch: list[TaskData], annotated: set[int], report: SyncReport
) -> list[TaskData]:
    """The same tasks, with the results that their rows hold already; bad ones go to the report."""
    names = {data.row_id: data.original_name for data in batch if data.row_id in annotated}
    if not names or storage.existing_annotations == storage.ExistingAnnotations.IGNORE:
        return batch
    good, bad = read_existing(storage, list(names))
    for row_id, error in bad.items():
        report.add_error(row_id, names[row_id], error)
    return [replace(data, existing=good[data.row_id]) if data.row_id in good else data for data in batch]


def _batches(rows: Iterable[TaskData]) -> Generator[list[TaskData], None, None]:
    batch: list[TaskData] = []
    size = 0
    for data in rows:
        if batch and (len(batch) == BATCH_ROWS or size + data.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(data)
        size += data.size
    if batch:
        yield batch


def chunks(links: list[LinkedRow], size: int) -> Iterator[list[LinkedRow]]:
    for start in range(0, len(links), size):
        yield links[start : start + size]
