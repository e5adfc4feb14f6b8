"""One large sync in several processes: its rows are cut into ranges of keys, which workers take one by one.

The process that does the sync works too, and takes over the ranges of workers that died, so that it needs none of the
others; it alone sets the storage's status. Keys that are no integers have an order that only their server knows, and
are left to one process. A range that two processes work on for a while gives no task twice: a row
has one link (models.py, `polardb_one_task_per_row_id`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import sqlalchemy as sa
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from polardb_bridge.conf import configuration
from polardb_bridge.databases.interrupts import begin_afresh_after
from polardb_bridge.storage.clock import alive
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.doubt import Doubt
from polardb_bridge.storage.sync.follow import Follower
from polardb_bridge.storage.sync.lease import PartLostError, SyncLease
from polardb_bridge.storage.sync.models import SyncPart
from polardb_bridge.storage.sync.numbers import Numbers
from polardb_bridge.storage.sync.report import Progress, SyncReport
from polardb_bridge.storage.sync.task_writer import Writer
from polardb_bridge.table.connection import connect
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import KeyRange, cut_into_ranges
from polardb_bridge.table.time_limit import count_anew

# Of the rows from which on a sync is shared: small enough that no worker waits long for the last one.
_PARTS_OF_THE_LEAST = 4
_WAIT_INTERVAL_S = 0.2

# Called with how many other processes could take a part.
AskHelpers = Callable[[int], None]


def cut(storage: PolarDBImportStorage, source: ConnectionParameters, table: sa.Table) -> bool:
    """Cut the rows of a sync into parts, if they have integer keys and many of them are new; whether so.

    Raises:
        BridgeError: the table cannot be read.
    """
    # Where nothing guards keys, the server looks at all rows for each part.
    if not key_of(table).is_integer or not mapping_of(table).is_guarded:
        return False
    least = configuration().shared_sync_rows
    rows = max(1, least // _PARTS_OF_THE_LEAST)
    with connect(source) as connection:
        ranges = cut_into_ranges(connection, table, rows)
    if (len(ranges) - 1) * rows - storage.links.count() < least:
        return False
    SyncPart.objects.bulk_create(SyncPart(storage=storage, after=keys.after, until=keys.until) for keys in ranges)
    return True


@dataclass
class SharedSync:
    """What one process does of a sync that is cut into parts."""

    storage: PolarDBImportStorage
    source: ConnectionParameters
    table: sa.Table
    doubt: Doubt
    lease: SyncLease
    numbers: Numbers = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = Numbers(self.storage)


def follow_together(sync: SharedSync, ask_helpers: AskHelpers | None, progress: Progress) -> SyncReport:
    """Have the parts of a sync done, and do what nobody else does; the sum of their reports.

    Raises:
        BridgeError: the table cannot be read, or the sync is no longer this process'.
    """
    parts = SyncPart.objects.filter(storage=sync.storage)
    if ask_helpers:
        ask_helpers(parts.filter(done=False).count() - 1)
    while parts.filter(done=False).exists():
        if not _take_one(sync, lambda: progress(_sum(sync))):
            time.sleep(_WAIT_INTERVAL_S)
            count_anew()
            progress(_sum(sync))
    sync.lease.check()  # the parts go with their sync, or storage
    return _sum(sync)


def help_out(sync: SharedSync) -> None:
    """Take parts until there is none left, or the sync has ended.

    Raises:
        BridgeError: the table cannot be read; the part is free again.
    """
    while _take_one(sync, lambda: None):
        pass


def _sum(sync: SharedSync) -> SyncReport:
    reports = SyncPart.objects.filter(storage=sync.storage).order_by("pk").values_list("report", flat=True)
    return sum((SyncReport(**report) for report in reports), SyncReport())


def _take_one(sync: SharedSync, progress: Callable[[], None]) -> bool:
    """Do one part that nobody works on; False if there is none."""
    part = _lease(sync)
    if part is None:
        return False
    lease = replace(sync.lease, part=part.pk)
    report = SyncReport()
    next_look = time.monotonic() + settings.STORAGE_IN_PROGRESS_TIMER

    def look() -> None:
        nonlocal next_look
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + settings.STORAGE_IN_PROGRESS_TIMER
            lease.check()
            lease.parts.update(report=asdict(report))
            progress()

    writer = Writer(sync.storage, lease, sync.numbers)
    try:
        Follower(sync.source, sync.table, writer, sync.doubt, report, look).follow(KeyRange(part.after, part.until))
    except PartLostError:
        return True
    except BaseException as error:
        begin_afresh_after(error)
        lease.parts.update(lease=None)
        raise
    lease.parts.update(done=True, report=asdict(report))
    return True


def _lease(sync: SharedSync) -> SyncPart | None:
    free = SyncPart.objects.filter(storage=sync.storage, done=False).filter(Q(lease=None) | ~Q(beat_at__range=alive()))
    part: SyncPart
    for part in free.order_by("pk"):
        if free.filter(pk=part.pk).update(lease=sync.lease.token, beat_at=Now()):
            return part
    return None
