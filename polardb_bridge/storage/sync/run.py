"""What "Sync" does: a storage's tasks are brought in step with its rows, from its first status to its last."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import time
from dataclasses import replace

import sqlalchemy as sa
from django.db import transaction

from polardb_bridge.choices import ImageDelivery
from polardb_bridge.databases.interrupts import begin_afresh_after
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.label_studio.tasks import acting_user
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync import lease, parts
from polardb_bridge.storage.sync.doubt import Doubt
from polardb_bridge.storage.sync.follow import Follower
from polardb_bridge.storage.sync.lease import SyncLease
from polardb_bridge.storage.sync.models import KnownTable, SyncPart, SyncState
from polardb_bridge.storage.sync.renaming import follow_interface
from polardb_bridge.storage.sync.report import Progress, SyncReport
from polardb_bridge.storage.sync.task_writer import Writer
from polardb_bridge.storage.sync.vanished import check_vanished
from polardb_bridge.table.connection import connect
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import count_without_key
from polardb_bridge.table.schema import validate_table
from polardb_bridge.table.size import estimate_table_size
from polardb_bridge.table.time_limit import time_limit

logger = logging.getLogger(__name__)

# `auto`: below this, pages of data-URI tasks stay quick; above, they take seconds.
MAX_DATA_URI_TABLE_BYTES = 64 * 1024 * 1024
# How long a sync waits for the next rows, or for a question about the whole table.
STANDSTILL_TIME_LIMIT_S = 120.0


def run_sync(
    storage: PolarDBImportStorage,
    *,
    force: bool = False,
    allow_removal: bool = False,
    on_progress: Progress | None = None,
) -> SyncReport:
    """Sync in this process, whether or not there is a queue; one that was asked for and has not begun is this one.

    force: start although the storage says that a sync is under way, as after a crash. allow_removal: remove tasks of
    missing rows even if they are most of the storage's.

    Raises:
        InvalidInputError: a sync is under way.
        BridgeError: the table cannot be read; the storage is then marked as failed with the same message.
    """
    if force:
        type(storage).objects.filter(pk=storage.pk).update(status=storage.Status.INITIALIZED)
    with transaction.atomic():  # nobody else sees it queued, and begins it
        mine = lease.begin(storage)
        if mine is None and storage.info_set_queued():
            mine = lease.begin(storage)
        if mine is None:
            raise InvalidInputError(f"Storage {storage.pk} is being synced now. If that sync has died, use --force.")
    return sync_rows(storage, mine, allow_removal=allow_removal, on_progress=on_progress)


def sync_rows(
    storage: PolarDBImportStorage,
    mine: SyncLease,
    *,
    ask_helpers: parts.AskHelpers | None = None,
    allow_removal: bool = False,
    on_progress: Progress | None = None,
) -> SyncReport:
    """Bring the tasks of `storage` in step with its rows, to the end of the sync that this process has begun.

    ask_helpers: how to have other processes take a part if there is much to do. allow_removal: as in `run_sync`.

    Raises:
        BridgeError: the table cannot be read, or lacks most rows; the storage is then marked as failed, and says so.
    """
    try:
        with lease.beating(mine), time_limit(STANDSTILL_TIME_LIMIT_S):
            report = _sync_rows(storage, mine, ask_helpers, allow_removal, on_progress)
            _finish(storage, mine, report)
    except BaseException as error:
        begin_afresh_after(error)
        lease.fail(storage, mine)
        raise
    return report


def _sync_rows(
    storage: PolarDBImportStorage,
    mine: SyncLease,
    ask_helpers: parts.AskHelpers | None,
    allow_removal: bool,
    on_progress: Progress | None,
) -> SyncReport:
    logger.info("Sync of storage %s from %s begins", storage.pk, storage.table_address)
    return_large_blocks()
    before = SyncState.objects.get(storage=storage).created
    next_look = 0.0

    def progress(report: SyncReport) -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + lease.BEAT_INTERVAL_S
            mine.check()
        storage.info_update_progress(last_sync_count=before + report.created, tasks_existed=report.existed)
        if on_progress:
            on_progress(report)

    KnownTable.remember(storage)
    follow_interface(storage, mine)
    source = storage.connection_parameters()
    with acting_user(storage.project.created_by):
        with connect(source) as connection:
            table = storage.source_table
            validate_table(connection, table)
            storage.identify(connection)
            _decide_delivery(storage, connection, table)
            if not allow_removal:
                check_vanished(storage, connection, table)
        report = _follow(storage, mine, source, table, ask_helpers, progress)
        # What Label Studio's own sync does at its end (io_storages/base_models.py, _scan_and_create_links).
        storage.project.update_tasks_states(
            maximum_annotations_changed=False, overlap_cohort_percentage_changed=False, tasks_number_changed=True
        )
    return report


def _follow(
    storage: PolarDBImportStorage,
    mine: SyncLease,
    source: ConnectionParameters,
    table: sa.Table,
    ask_helpers: parts.AskHelpers | None,
    progress: Progress,
) -> SyncReport:
    is_shared = SyncPart.objects.filter(storage=storage).exists()  # by a process that has died
    doubt = Doubt.join(storage, source) if is_shared else Doubt.begin(storage, source)
    if not is_shared and ask_helpers and parts.cut(storage, source, table):
        doubt.narrow(source, table)
        is_shared = True
    if is_shared:
        report = parts.follow_together(parts.SharedSync(storage, source, table, doubt, mine), ask_helpers, progress)
    else:
        report = SyncReport()
        with connect(source) as connection:
            report.add_without_key(count_without_key(connection, table))
        Follower(source, table, Writer(storage, mine), doubt, report, lambda: progress(report)).follow()
    doubt.forget_older()
    return _of_all_processes(report, storage) if is_shared or mine.is_resumed else report


def _of_all_processes(report: SyncReport, storage: PolarDBImportStorage) -> SyncReport:
    """What the sync did in all: those who went on with it have found the tasks of the dead in step."""
    state = SyncState.objects.get(storage=storage)
    created = lease.links_of(state).count()
    existed = report.existed - (created - report.created) - (state.updated - report.updated)
    return replace(report, created=created, existed=max(0, existed), updated=state.updated, removed=state.removed)


def _decide_delivery(storage: PolarDBImportStorage, connection: sa.Connection, table: sa.Table) -> None:
    """Settle how images reach Label Studio: once, so that a table which grows does not end up with both ways."""
    if not storage.has_picture:
        return
    decided = storage.image_delivery
    if decided == ImageDelivery.AUTO:
        # How large a view or a query is, nobody knows.
        is_known = mapping_of(table).is_guarded
        is_small = is_known and estimate_table_size(connection, table).bytes <= MAX_DATA_URI_TABLE_BYTES
        decided = storage.delivery_in_use or (ImageDelivery.DATA_URI if is_small else ImageDelivery.LINK).value
    if storage.delivery_in_use != decided:
        storage.delivery_in_use = decided
        storage.save(update_fields=["delivery_in_use"])


def return_large_blocks() -> None:
    """Have memory of freed images go back to the system.

    glibc raises its limit for that (M_MMAP_THRESHOLD, -3) to the size of each large block that is freed: after one
    image of 20 MB, the process would keep several times as much. Elsewhere than on glibc this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(-3, 1024 * 1024)


def _finish(storage: PolarDBImportStorage, mine: SyncLease, report: SyncReport) -> None:
    counts = {
        "tasks_existed": report.existed,
        "tasks_updated": report.updated,
        "tasks_removed": report.removed,
        "tasks_kept": report.kept,
        "tasks_outside": report.outside,
    }
    with transaction.atomic():
        if not lease.end(mine):
            mine.check()
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
    logger.info("Sync of storage %s ended: %s", storage.pk, report)
