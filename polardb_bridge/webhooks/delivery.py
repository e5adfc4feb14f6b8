"""Writing what the outbox holds into the tables.

A delivery computes the current state of its tasks and writes that: it can run twice, late or in any order, and the
row still ends up equal to Label Studio.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from polardb_bridge.databases.interrupts import begin_afresh_after
from polardb_bridge.errors import BridgeError, ServerDownError
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.writeback_status import unwritten_of
from polardb_bridge.table.connection import dispose
from polardb_bridge.table.time_limit import time_limit
from polardb_bridge.webhooks import clock, leases, outbox, servers, wakeup
from polardb_bridge.webhooks.batch import Batch
from polardb_bridge.webhooks.models import WritebackState
from polardb_bridge.webhooks.retry import MAX_DELAY, next_try
from polardb_bridge.webhooks.writers import writer_of
from polardb_bridge.webhooks.writers.writer import writing_parameters

logger = logging.getLogger(__name__)

BATCH_SIZE = 500
# What takes longer is tried again in smaller batches, beside those of other servers.
BATCH_TIME_LIMIT_S = 20.0
# Rows that were refused before, in one go: each may have to be written alone. More while all of them succeed.
PARKED_BATCH_SIZE = 20
# How long a person who waits for a delivery waits for what other deliveries, or transactions of others, hold.
PATIENCE_TIMEOUT_S = 10.0


@dataclass
class DeliveryReport:
    """What a delivery did: rows written, tasks that are now parked, and the error that ended it, if any."""

    written: int = 0
    parked: int = 0
    error: str = ""


OnBatch = Callable[[DeliveryReport], None]


def due_storages(*, workers_too: bool = False) -> list[PolarDBExportStorage]:
    """The export storages that have something to deliver and are not waiting for a retry."""
    storages = list(outbox.due_storages(workers_too=workers_too).select_related("writeback_state", "project"))
    if not storages:
        return []
    now = clock.now()
    waiting = servers.waiting()
    return [
        storage
        for storage in storages
        if servers.server_of(storage) not in waiting and not _is_ahead(_state_of(storage).retry_at, now)
    ]


def _state_of(storage: PolarDBExportStorage) -> WritebackState:
    return getattr(storage, "writeback_state", None) or WritebackState()


def _is_ahead(retry_at: datetime | None, now: datetime) -> bool:
    # Further ahead than any delay: the clock was set back.
    return retry_at is not None and now < retry_at <= now + MAX_DELAY


def deliver_due() -> dict[int, DeliveryReport]:
    """Deliver what is due, one storage after the other; reports by storage id."""
    found = {storage.pk: deliver_in_turn(storage) for storage in due_storages(workers_too=True)}
    return {storage_id: report for storage_id, report in found.items() if report is not None}


def deliver_in_turn(storage: PolarDBExportStorage, *, workers_too: bool = True) -> DeliveryReport | None:
    """Deliver, but only if nobody else is about to try its server while that is down; None otherwise."""
    return deliver(storage, workers_too=workers_too) if servers.take_turn(storage) else None


def deliver(
    storage: PolarDBExportStorage, *, workers_too: bool = True, on_batch: OnBatch | None = None
) -> DeliveryReport:
    """Deliver all that is due of `storage` in batches, until none is left or the table cannot be written.

    workers_too: also what is still left to a worker.
    """
    report = DeliveryReport()
    delivery = _Delivery(storage, workers_too, report, on_batch)
    delivery.run(BATCH_SIZE)
    if not report.error:
        delivery.run(PARKED_BATCH_SIZE, parked=True)
    return report


@dataclass
class _Delivery:
    storage: PolarDBExportStorage
    workers_too: bool
    report: DeliveryReport
    on_batch: OnBatch | None
    attempts: int | None = None
    is_contended: bool = False

    def __post_init__(self) -> None:
        self.writer = writer_of(self.storage)

    def run(self, limit: int, *, parked: bool = False) -> None:
        """Deliver in batches; parked: what was refused before, until something is refused again."""
        if self.attempts is None:
            try:
                self.attempts = WritebackState.objects.get_or_create(storage=self.storage)[0].attempts
            except IntegrityError:
                return  # the storage is gone
        while not self.report.error:
            # Smaller after each failure: what is too slow or too large for one batch goes through in parts.
            size = limit if parked else max(1, limit >> self.attempts)
            lease = outbox.lease_due(self.storage, size, workers_too=self.workers_too, parked=parked)
            if not lease.pending:
                return
            batch = Batch(self.writer, lease, self.attempts + 1, self.is_contended)
            self._write(batch)
            self.is_contended = batch.is_contended
            if parked and batch.unwritable:
                return
            if parked:
                limit = min(2 * limit, BATCH_SIZE)

    def _write(self, batch: Batch) -> None:
        try:
            with leases.kept(batch.lease), time_limit(BATCH_TIME_LIMIT_S):
                batch.write()
        except BridgeError as error:
            outbox.release(batch.lease)
            _close_connections(self.storage)
            _record_failure(self.storage, error)
            self.report.error = str(error)
            return
        except BaseException as error:
            begin_afresh_after(error)
            outbox.release(batch.lease)
            raise
        outbox.set_has_result(batch.with_result)
        with transaction.atomic():
            is_mended = outbox.clear(batch.lease, batch.unwritable)
            _record_success(self.storage)
        if is_mended:
            outbox.wake_parked(self.storage)
        if (batch.written or batch.unwritable) and servers.is_up(self.storage):
            wakeup.wake()
        self.attempts = 0
        self.report.written += len(batch.written)
        self.report.parked += batch.parked
        if self.on_batch:
            self.on_batch(self.report)


def _close_connections(storage: PolarDBExportStorage) -> None:
    # A session keeps the privileges that it began with: the next attempt is to see the new ones.
    with contextlib.suppress(BridgeError):
        dispose(writing_parameters(storage))


def _record_failure(storage: PolarDBExportStorage, error: BridgeError) -> None:
    server_retry_at = servers.is_down(storage, error) if isinstance(error, ServerDownError) else None
    if server_retry_at is None and servers.is_up(storage):
        wakeup.wake()
    with transaction.atomic():
        state = WritebackState.objects.select_for_update().filter(storage=storage).first()
        if state is None:
            return  # the storage is gone
        state.attempts += 1
        retry = next_try(error, state.attempts)
        state.retry_at = server_retry_at or clock.now() + retry.delay
        state.needs_person = retry.needs_person
        state.last_error = str(error)
        state.save(update_fields=["attempts", "retry_at", "needs_person", "last_error"])
    logger.warning(
        "Write-back: storage %s, attempt %s failed, next in %.0f s: %s",
        *(storage.pk, state.attempts, max(0.0, (state.retry_at - clock.now()).total_seconds()), error),
    )


def _record_success(storage: PolarDBExportStorage) -> None:
    WritebackState.objects.filter(storage=storage).update(
        attempts=0, retry_at=None, needs_person=False, last_error="", last_success_at=clock.now()
    )


def retry_now(storage: PolarDBExportStorage) -> int:
    """Forget the wait of `storage`, and take what is parked for new; how many tasks that is."""
    WritebackState.objects.filter(storage=storage).update(retry_at=None, needs_person=False)
    return outbox.retry_parked(storage)


def deliver_everything(storage_id: int | None = None, *, retry_parked: bool = False) -> dict[int, DeliveryReport]:
    """Deliver what is due of all storages, or of one, at once; reports by storage id.

    What another delivery has leased, or another transaction has locked, is waited for, but not for long.

    retry_parked: also what is parked.
    """
    storages = PolarDBExportStorage.objects.order_by("pk")
    if storage_id is not None:
        storages = storages.filter(pk=storage_id)
    reports = {}
    for storage in storages:
        if retry_parked:
            retry_now(storage)
        report = deliver(storage)
        patient_until = time.monotonic() + PATIENCE_TIMEOUT_S
        while not report.error and unwritten_of(storage).pending and time.monotonic() < patient_until:
            time.sleep(0.2)
            more = deliver(storage)
            report.written += more.written
            report.parked += more.parked
            report.error = more.error
        reports[storage.pk] = report
    return reports
