"""Rows of a table to tasks, and tasks kept in step with their rows: what "Sync" does.

Keys first, which is cheap, compared page by page with the tasks there are; then the images of new and changed rows
only. Tasks are written in batches bounded by rows and by bytes, each with its links in one transaction: a sync that is
interrupted anywhere leaves nothing half-made, and the next one goes on with what is still to do.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from io_storages.base_models import storage_background_failure

from polardb_bridge.errors import InvalidInputError, RowError
from polardb_bridge.label_studio import acting_user
from polardb_bridge.storage import task_writer
from polardb_bridge.storage.changes import Changes, LinkedRow, compare
from polardb_bridge.storage.existing import read_existing
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.task_writer import TaskData
from polardb_bridge.table.connection import connect
from polardb_bridge.table.images import data_uri
from polardb_bridge.table.rows import RowKey, SourceRow, read_key_pages, read_rows
from polardb_bridge.table.schema import source_table, validate_table
from polardb_bridge.table.size import estimate_table_size

logger = logging.getLogger(__name__)

BATCH_ROWS = 1000
BATCH_BYTES = 4 * 1024 * 1024
REMOVED_AT_ONCE = 500
LISTED_ERRORS = 100
# `auto`: below this, pages of data-URI tasks stay quick; above, they take seconds.
LARGEST_DATA_URI_TABLE = 64 * 1024 * 1024

Progress = Callable[["SyncReport"], None]


@dataclass
class SyncReport:
    """What a sync did so far, or would do.

    rows: read from the table. existed: tasks that needed nothing. updated: tasks of changed rows. removed, kept: tasks
    of deleted rows without and with work in them. failed: rows whose image, or whose result, cannot be read. errors:
    the first of them, each with id and reason.
    """

    rows: int = 0
    created: int = 0
    existed: int = 0
    updated: int = 0
    removed: int = 0
    kept: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)

    def add_error(self, row_id: int, name: str, error: RowError) -> None:
        self.failed += 1
        if len(self.errors) < LISTED_ERRORS:
            self.errors.append(f"row {row_id} ({name}): {error}")


def run_sync(storage: PolarDBImportStorage, *, force: bool = False, on_progress: Progress | None = None) -> SyncReport:
    """Sync in this process, whether or not there is a queue.

    force: start although the storage says that a sync is under way, as after a crash.

    Raises:
        InvalidInputError: a sync is under way.
        BridgeError: the table cannot be read; the storage is then marked as failed with the same message.
    """
    if force:
        type(storage).objects.filter(pk=storage.pk).update(status=storage.Status.INITIALIZED)
    if not storage.info_set_queued():
        raise InvalidInputError(f"Storage {storage.pk} is being synced now. If that sync is dead, use --force.")
    try:
        return sync_rows(storage, on_progress)
    except BaseException:
        storage_background_failure(storage)
        raise


def sync_rows(storage: PolarDBImportStorage, on_progress: Progress | None = None) -> SyncReport:
    """Bring the tasks of `storage`, which must be queued, in step with its rows.

    Raises:
        BridgeError: the table cannot be read.
    """
    storage.info_set_in_progress()
    logger.info("Sync of storage %s from %s begins", storage.pk, storage.address)
    _return_large_blocks()
    report = SyncReport()

    def progress() -> None:
        # Without this, Label Studio takes a sync of more than 25 s for a dead one (base_models.py, health_check).
        storage.info_update_progress(last_sync_count=report.created, tasks_existed=report.existed)
        if on_progress:
            on_progress(report)

    with acting_user(storage.project.created_by), connect(storage.connection_parameters()) as connection:
        validate_table(connection, source_table(storage.table))
        _decide_delivery(storage, connection)
        for changes in _changes(storage, connection):
            _apply(storage, connection, changes, report, progress)
        # What Label Studio's own sync does at its end (io_storages/base_models.py, _scan_and_create_links).
        storage.project.update_tasks_states(
            maximum_annotations_changed=False, overlap_cohort_percentage_changed=False, tasks_number_changed=True
        )
    _finish(storage, report)
    return report


def plan_sync(storage: PolarDBImportStorage) -> SyncReport:
    """What a sync would do now; nothing is changed. Images are not read: bad rows count as new ones.

    Raises:
        BridgeError: the table cannot be read.
    """
    report = SyncReport()
    with connect(storage.connection_parameters()) as connection:
        validate_table(connection, source_table(storage.table))
        for changes in _changes(storage, connection):
            report.rows += changes.unchanged + len(changes.new) + len(changes.changed)
            report.existed += changes.unchanged
            report.created += len(changes.new)
            report.updated += len(changes.changed)
            for batch in _chunks(changes.vanished, REMOVED_AT_ONCE):
                removed, kept = task_writer.count_removable(batch)
                report.removed += removed
                report.kept += kept
    return report


def _decide_delivery(storage: PolarDBImportStorage, connection: sa.Connection) -> None:
    """Settle how images reach Label Studio: once, so that a table which grows does not end up with both ways."""
    kinds = storage.ImageDelivery
    decided = storage.image_delivery
    if decided == kinds.AUTO:
        is_small = estimate_table_size(connection, storage.table).bytes <= LARGEST_DATA_URI_TABLE
        decided = storage.delivery_in_use or (kinds.DATA_URI if is_small else kinds.LINK)
    if storage.delivery_in_use != decided:
        storage.delivery_in_use = decided
        storage.save(update_fields=["delivery_in_use"])


def _changes(storage: PolarDBImportStorage, connection: sa.Connection) -> Iterator[Changes]:
    """The differences between rows and tasks, a page of rows at a time."""
    links = PolarDBImportStorageLink.objects.filter(storage=storage)
    linked = links.values_list("row_id", "task_id", "version", "vanished")
    pattern = re.compile(storage.regex_filter) if storage.regex_filter else None

    def is_wanted(key: RowKey) -> bool:
        return not (storage.only_unannotated and key.is_annotated) and not (
            pattern and not pattern.match(key.original_name)
        )

    previous: int | None = None
    matters = storage.only_unannotated or storage.existing_annotations != storage.ExistingAnnotations.IGNORE
    for keys in read_key_pages(connection, storage.table, with_results=matters):
        last = keys[-1].id
        within = linked.filter(row_id__lte=last)
        if previous is not None:
            within = within.filter(row_id__gt=previous)
        changes = compare(keys, (LinkedRow(*row) for row in within))
        changes.new = [key for key in changes.new if is_wanted(key)]
        yield changes
        previous = last
    beyond = linked if previous is None else linked.filter(row_id__gt=previous)
    yield compare([], (LinkedRow(*row) for row in beyond))


def _apply(
    storage: PolarDBImportStorage,
    connection: sa.Connection,
    changes: Changes,
    report: SyncReport,
    progress: Callable[[], None],
) -> None:
    report.existed += changes.unchanged
    report.rows += changes.unchanged
    progress()
    links = {key.id: link for key, link in changes.changed}
    annotated = {key.id for key in changes.new if key.is_annotated}
    keys = sorted([*changes.new, *(key for key, _ in changes.changed)], key=lambda key: key.id)
    for batch in _batches(_task_data(storage, connection, keys, report)):
        new = _with_existing(storage, [data for data in batch if data.row_id not in links], annotated, report)
        changed = [(data, links[data.row_id]) for data in batch if data.row_id in links]
        if new:
            task_writer.create_tasks(storage, new)
        if changed:
            task_writer.refresh_tasks(storage, changed)
        report.created += len(new)
        report.updated += len(changed)
        progress()
    for vanished in _chunks(changes.vanished, REMOVED_AT_ONCE):
        removed, kept = task_writer.remove_tasks(storage, vanished)
        report.removed += removed
        report.kept += kept
        progress()


def _task_data(
    storage: PolarDBImportStorage, connection: sa.Connection, keys: list[RowKey], report: SyncReport
) -> Iterator[TaskData]:
    """What the tasks of these rows hold; bad rows go to the report."""
    if storage.delivery_in_use == storage.ImageDelivery.LINK:
        for key in keys:
            report.rows += 1
            yield TaskData(key.id, key.version, ImageLink(storage.pk, key.id, key.version).url, key.original_name)
        return
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


def _batches(rows: Iterable[TaskData]) -> Iterator[list[TaskData]]:
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


def _chunks(links: list[LinkedRow], size: int) -> Iterator[list[LinkedRow]]:
    for start in range(0, len(links), size):
        yield links[start : start + size]


def _return_large_blocks() -> None:
    """Have memory of freed images go back to the system.

    glibc raises its limit for that (M_MMAP_THRESHOLD, -3) to the size of each large block that is freed: after one
    image of 20 MB, the process would keep several times as much. Elsewhere than on glibc this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(-3, 1024 * 1024)


def _finish(storage: PolarDBImportStorage, report: SyncReport) -> None:
    logger.info("Sync of storage %s ended: %s", storage.pk, report)
    counts = {
        "tasks_existed": report.existed,
        "tasks_updated": report.updated,
        "tasks_removed": report.removed,
        "tasks_kept": report.kept,
    }
    if report.failed:
        hidden = report.failed - len(report.errors)
        more = [f"… and {hidden} more rows"] if hidden else []
        storage.info_set_completed_with_errors(
            last_sync_count=report.created,
            validation_errors=[*report.errors, *more],
            tasks_failed_validation=report.failed,
            **counts,
        )
    else:
        storage.traceback = ""
        storage.save(update_fields=["traceback"])
        storage.info_set_completed(last_sync_count=report.created, **counts)
