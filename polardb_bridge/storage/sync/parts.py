"""One large sync in several processes: its rows are cut into ranges of keys, which workers take one by one.

The process that began the sync works too, and takes over the ranges of workers that died, so that it needs none of the
others; it alone sets the storage's status. A range that two processes work on for a while gives no task twice: a row
has one link (models.py, `polardb_one_task_per_row_id`).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

import sqlalchemy as sa
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from polardb_bridge.conf import configuration
from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.models import PolarDBImportStorage, SyncPart
from polardb_bridge.storage.sync.follow import follow_rows
from polardb_bridge.storage.sync.report import Progress, SyncReport
from polardb_bridge.storage.sync.task_writer import NumberBlock, next_number
from polardb_bridge.table.rows import KeyRange, cut_into_ranges

# Of the rows from which on a sync is shared: small enough that no worker waits long for the last one.
_PARTS_OF_THE_LEAST = 4
_WAIT_INTERVAL_S = 0.2

# Called with how many other processes could take a part.
AskHelpers = Callable[[int], None]


class PartLostError(Exception):
    """Another process has taken this part, or the sync has ended."""


class TakenOverError(RetryableError):
    """This sync was taken for dead, and another has begun."""


def _cut(storage: PolarDBImportStorage, connection: sa.Connection, table: sa.Table) -> list[int]:
    """Cut the rows of a sync into parts, if many of them are new; the ids of the parts.

    Raises:
        BridgeError: the table cannot be read.
    """
    SyncPart.objects.filter(storage=storage).delete()
    least = configuration().shared_sync_rows
    rows = max(1, least // _PARTS_OF_THE_LEAST)
    ranges = cut_into_ranges(connection, table, rows)
    if (len(ranges) - 1) * rows - storage.links.count() < least:
        return []
    with transaction.atomic():
        first = next_number(storage.project)
        parts = SyncPart.objects.bulk_create(
            SyncPart(
                storage=storage,
                after=keys.after,
                until=keys.until,
                first_number=first + number * rows,
                last_number=first + (number + 1) * rows - 1,
            )
            for number, keys in enumerate(ranges)
        )
    return [part.pk for part in parts]


def follow_together(
    storage: PolarDBImportStorage,
    connection: sa.Connection,
    table: sa.Table,
    ask_helpers: AskHelpers,
    progress: Progress,
) -> SyncReport | None:
    """Cut a sync with many new rows into parts, have them done, and do what nobody else does; the sum of their reports.

    None if there is too little to do to share it; then nothing was done. If a worker died, the tasks that it had
    created count as existing ones.

    Raises:
        TakenOverError: another sync of this storage has begun.
        BridgeError: the table cannot be read.
    """
    part_ids = _cut(storage, connection, table)
    if not part_ids:
        return None
    parts = SyncPart.objects.filter(pk__in=part_ids)
    ask_helpers(len(part_ids) - 1)
    try:
        while parts.filter(done=False).exists():
            if not _take_one(storage, connection, table, lambda: progress(_sum(parts))):
                time.sleep(_WAIT_INTERVAL_S)
                progress(_sum(parts))
        if parts.count() < len(part_ids):
            raise TakenOverError(f"This sync of storage {storage.pk} has stopped, because another one has begun.")
        return _sum(parts)
    finally:
        parts.delete()


def help_out(storage: PolarDBImportStorage, connection: sa.Connection, table: sa.Table) -> None:
    """Take parts until there is none left, or the sync has ended.

    Raises:
        BridgeError: the table cannot be read; the part is free again.
    """
    while _take_one(storage, connection, table, lambda: None):
        pass


def _sum(parts: QuerySet[SyncPart]) -> SyncReport:
    reports = parts.order_by("pk").values_list("report", flat=True)
    return sum((SyncReport(**report) for report in reports), SyncReport())


def _take_one(
    storage: PolarDBImportStorage, connection: sa.Connection, table: sa.Table, progress: Callable[[], None]
) -> bool:
    """Do one part that nobody works on; False if there is none."""
    part = _lease(storage)
    if part is None:
        return False
    mine = SyncPart.objects.filter(pk=part.pk, lease=part.lease)
    report = SyncReport()
    next_ping = time.monotonic() + settings.STORAGE_IN_PROGRESS_TIMER

    def ping() -> None:
        nonlocal next_ping
        if time.monotonic() >= next_ping:
            next_ping = time.monotonic() + settings.STORAGE_IN_PROGRESS_TIMER
            if not mine.update(pinged_at=timezone.now(), report=asdict(report)):
                raise PartLostError
            progress()

    numbers = NumberBlock(part.first_number, part.last_number)
    try:
        follow_rows(storage, connection, table, report, ping, KeyRange(part.after, part.until), numbers)
    except PartLostError:
        return True
    except BaseException:
        mine.update(lease=None)
        raise
    mine.update(done=True, report=asdict(report))
    return True


def _lease(storage: PolarDBImportStorage) -> SyncPart | None:
    # As long as Label Studio gives a whole sync before it takes it for dead.
    dead = timezone.now() - timedelta(seconds=5 * settings.STORAGE_IN_PROGRESS_TIMER)
    free = SyncPart.objects.filter(Q(lease=None) | Q(pinged_at__lt=dead), storage=storage, done=False)
    part: SyncPart
    for part in free.order_by("pk"):
        part.lease = uuid.uuid4()
        if free.filter(pk=part.pk).update(lease=part.lease, pinged_at=timezone.now()):
            return part
    return None
