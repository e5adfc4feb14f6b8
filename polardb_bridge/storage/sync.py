"""Rows of a table to tasks: the pipeline behind "Sync".

Keys first, which is cheap; then the images of the new rows only, in batches bounded by rows and by bytes. Tasks and
their links are created together in one transaction a batch, so a sync that is interrupted anywhere leaves nothing
half-made, and the next one goes on with the rows that have no link yet.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from io_storages.base_models import storage_background_failure
from projects.models import Project, ProjectSummary
from tasks.models import Task
from webhooks.models import WebhookAction
from webhooks.utils import emit_webhooks_for_instance

from polardb_bridge.errors import InvalidInputError, RowError
from polardb_bridge.label_studio import acting_user, create_task_states
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.table.connection import connect
from polardb_bridge.table.images import data_uri
from polardb_bridge.table.rows import RowKey, SourceRow, read_key_pages, read_rows
from polardb_bridge.table.schema import source_table, validate_table

logger = logging.getLogger(__name__)

BATCH_ROWS = 500
BATCH_BYTES = 4 * 1024 * 1024
LISTED_ERRORS = 100
# SQLite takes at most 32,766 parameters in a statement.
LOOKED_UP_AT_ONCE = 5000

Progress = Callable[["SyncReport"], None]


@dataclass
class SyncReport:
    """What a sync did so far. rows: read from the table; errors: the first bad rows, each with id and reason."""

    rows: int = 0
    created: int = 0
    existed: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)

    def decoded(self, row: SourceRow) -> _NewTask | None:
        """Count the row and decode it; None where it is bad."""
        self.rows += 1
        try:
            return _new_task(row)
        except RowError as error:
            self.failed += 1
            if len(self.errors) < LISTED_ERRORS:
                self.errors.append(f"row {row.id} ({row.original_name}): {error}")
            return None


@dataclass(frozen=True)
class _NewTask:
    row_id: int
    data: dict[str, object]
    size: int


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
    """Create a task for every row that has none; `storage` must be queued.

    Raises:
        BridgeError: the table cannot be read.
    """
    storage.info_set_in_progress()
    _return_large_blocks()
    report = SyncReport()
    project = storage.project
    logger.info("Sync of storage %s from %s begins", storage.pk, storage.address)
    with acting_user(project.created_by), connect(storage.connection_parameters()) as connection:
        validate_table(connection, source_table(storage.table))
        for keys in read_key_pages(connection, storage.table):
            new_ids = _without_task(storage, keys)
            report.existed += len(keys) - len(new_ids)
            report.rows += len(keys) - len(new_ids)
            _ping(storage, report, on_progress)
            for batch in _batches(read_rows(connection, storage.table, new_ids), report):
                _create_tasks(storage, batch)
                report.created += len(batch)
                _ping(storage, report, on_progress)
        # What Label Studio's own sync does at its end (io_storages/base_models.py, _scan_and_create_links).
        project.update_tasks_states(
            maximum_annotations_changed=False, overlap_cohort_percentage_changed=False, tasks_number_changed=True
        )
    _finish(storage, report)
    return report


def _return_large_blocks() -> None:
    """Have memory of freed images go back to the system.

    glibc raises its limit for that (M_MMAP_THRESHOLD, -3) to the size of each large block that is freed: after one
    image of 20 MB, the process would keep several times as much. Elsewhere than on glibc this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(-3, 1024 * 1024)


def _without_task(storage: PolarDBImportStorage, keys: list[RowKey]) -> list[int]:
    links = PolarDBImportStorageLink.objects.filter(storage=storage)
    linked: set[str] = set()
    for start in range(0, len(keys), LOOKED_UP_AT_ONCE):
        part = [str(key.id) for key in keys[start : start + LOOKED_UP_AT_ONCE]]
        linked.update(links.filter(key__in=part).values_list("key", flat=True))
    return [key.id for key in keys if str(key.id) not in linked]


def _batches(rows: Iterator[SourceRow], report: SyncReport) -> Iterator[list[_NewTask]]:
    """Decode `rows`; bad ones go to the report, good ones come out in batches."""
    batch: list[_NewTask] = []
    size = 0
    for task in filter(None, map(report.decoded, rows)):
        if batch and (len(batch) == BATCH_ROWS or size + task.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(task)
        size += task.size
    if batch:
        yield batch


def _new_task(row: SourceRow) -> _NewTask:
    if "\x00" in row.original_name:
        raise RowError("original_name has a NUL character")
    image = data_uri(row.base64_data)
    return _NewTask(row.id, {"image": image, "original_name": row.original_name, "id": row.id}, len(image))


def _create_tasks(storage: PolarDBImportStorage, batch: list[_NewTask]) -> None:
    project = storage.project
    with transaction.atomic():
        # One at a time may number a project's tasks and add up its summary.
        Project.objects.select_for_update().only("pk").get(pk=project.pk)
        last = Task.objects.filter(project=project).order_by("-inner_id").values_list("inner_id", flat=True).first()
        tasks = Task.objects.bulk_create(
            Task(
                data=new.data,
                project=project,
                overlap=project.maximum_annotations,
                inner_id=(last or 0) + number,
            )
            for number, new in enumerate(batch, 1)
        )
        PolarDBImportStorageLink.objects.bulk_create(
            PolarDBImportStorageLink(storage=storage, task=task, key=str(new.row_id))
            for task, new in zip(tasks, batch, strict=True)
        )
        ProjectSummary.objects.select_for_update().get_or_create(project=project)[0].update_data_columns(tasks)
        create_task_states(tasks, project.organization_id, project.created_by)
    ids = [task.pk for task in tasks]
    for start in range(0, len(ids), settings.WEBHOOK_BATCH_SIZE):
        part = ids[start : start + settings.WEBHOOK_BATCH_SIZE]
        emit_webhooks_for_instance(project.organization, project, WebhookAction.TASKS_CREATED, part)


def _ping(storage: PolarDBImportStorage, report: SyncReport, on_progress: Progress | None) -> None:
    # Without this, Label Studio takes a sync of more than 25 s for a dead one (base_models.py, health_check).
    storage.info_update_progress(last_sync_count=report.created, tasks_existed=report.existed)
    if on_progress:
        on_progress(report)


def _finish(storage: PolarDBImportStorage, report: SyncReport) -> None:
    logger.info(
        "Sync of storage %s ended: %s created, %s existed, %s failed",
        *(storage.pk, report.created, report.existed, report.failed),
    )
    if report.failed:
        hidden = report.failed - len(report.errors)
        more = [f"… and {hidden} more rows"] if hidden else []
        storage.info_set_completed_with_errors(
            last_sync_count=report.created,
            validation_errors=[*report.errors, *more],
            tasks_existed=report.existed,
            tasks_failed_validation=report.failed,
        )
    else:
        storage.traceback = ""
        storage.save(update_fields=["traceback"])
        storage.info_set_completed(last_sync_count=report.created, tasks_existed=report.existed)
