"""Writing what the outbox holds into the tables.

A delivery computes the current state of its tasks and writes that: it can run twice, late or in any order, and the
row still ends up equal to Label Studio.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from django.db import transaction
from django.utils import timezone

from polardb_bridge.errors import BridgeError, RowError
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.writeback_status import unwritten_of
from polardb_bridge.table.connection import begin, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.results import RowResult, write_results
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.current_results import current_results
from polardb_bridge.webhooks.models import WritebackState
from polardb_bridge.webhooks.retry import MAX_DELAY, next_try

logger = logging.getLogger(__name__)

BATCH_SIZE = 500
# How long a server may keep quiet before a delivery gives up; far below the length of a lease.
TIMEOUT_S = 8
MISSING_ROW = "The table has no row {row_id} any more."


@dataclass
class DeliveryReport:
    """What a delivery did: rows written, marks that are now parked, and the error that ended it, if any."""

    written: int = 0
    parked: int = 0
    error: str = ""


def due_storages(*, workers_too: bool = False) -> list[PolarDBExportStorage]:
    """The export storages that have something to deliver and are not waiting for a retry."""
    storages = outbox.due_storages(workers_too=workers_too).select_related("writeback_state")
    return [storage for storage in storages if _may_try(storage)]


def _may_try(storage: PolarDBExportStorage) -> bool:
    state = getattr(storage, "writeback_state", None)
    if state is None or state.retry_at is None:
        return True
    now = timezone.now()
    # Further ahead than any delay: the clock was set back.
    return not now < state.retry_at <= now + MAX_DELAY


def deliver_due() -> dict[int, DeliveryReport]:
    """Deliver what is due, one storage after the other; reports by storage id."""
    return {storage.pk: deliver(storage) for storage in due_storages(workers_too=True)}


def deliver(
    storage: PolarDBExportStorage,
    *,
    workers_too: bool = True,
    on_batch: Callable[[DeliveryReport], None] | None = None,
) -> DeliveryReport:
    """Deliver all due marks of `storage` in batches, until none is left or the table cannot be written.

    workers_too: also those that are still left to a worker.
    """
    report = DeliveryReport()
    attempts = WritebackState.objects.filter(storage=storage).values_list("attempts", flat=True).first() or 0
    while True:
        # Smaller after each failure: what is too slow or too large for one batch goes through in parts.
        lease = outbox.lease_due(storage, max(1, BATCH_SIZE >> attempts), workers_too=workers_too)
        if not lease.pending:
            return report
        try:
            batch = _Batch(storage, lease, attempt=attempts + 1)
            batch.write()
        except BridgeError as error:
            outbox.release(lease)
            _close_connections(storage)
            _record_failure(storage, error)
            report.error = str(error)
            return report
        except BaseException:
            outbox.release(lease)
            raise
        with transaction.atomic():
            outbox.set_has_result(batch.with_result)
            outbox.clear(lease, batch.parked)
            _record_success(storage)
        attempts = 0
        report.written += len(batch.written)
        report.parked += len(batch.parked)
        if on_batch:
            on_batch(report)


@dataclass
class _Batch:
    """The leased marks on their way into the table. Tasks by id; parked: why a row could not be written."""

    storage: PolarDBExportStorage
    lease: outbox.Lease
    attempt: int
    written: list[int] = field(default_factory=list)
    with_result: list[int] = field(default_factory=list)
    parked: dict[int, str] = field(default_factory=dict)

    def write(self) -> None:
        parameters = writing_parameters(self.storage)
        for results in current_results(self.storage, self.lease.task_ids):
            try:
                self._write(parameters, results)
            except RowError:
                # Nothing of it was committed. Which row it is, only the server knows.
                self._write_one_by_one(parameters, results)

    def _write(self, parameters: ConnectionParameters, results: dict[int, RowResult]) -> None:
        with begin(parameters) as connection:
            missing = write_results(connection, self.storage.source_table, list(results.values()))
            self.lease.check()
        for task_id, result in results.items():
            if result.row_id in missing:
                self._park(task_id, result, MISSING_ROW.format(row_id=result.row_id))
                continue
            self.written.append(task_id)
            if result.data is not None:
                self.with_result.append(task_id)
            self._log(logging.DEBUG if len(results) > 1 else logging.INFO, task_id, result, "written")
        if len(results) > 1:
            logger.info("Write-back: storage %s, %s rows written", self.storage.pk, len(results) - len(missing))

    def _write_one_by_one(self, parameters: ConnectionParameters, results: dict[int, RowResult]) -> None:
        for task_id, result in results.items():
            try:
                self._write(parameters, {task_id: result})
            except RowError as error:
                self._park(task_id, result, str(error))

    def _park(self, task_id: int, result: RowResult, reason: str) -> None:
        self.parked[task_id] = reason
        self._log(logging.WARNING, task_id, result, reason)

    def _log(self, level: int, task_id: int, result: RowResult, what: str) -> None:
        logger.log(
            level,
            "Write-back: storage %s, task %s, row %s, attempt %s: %s",
            *(self.storage.pk, task_id, result.row_id, self.attempt, what),
        )


def writing_parameters(storage: PolarDBExportStorage) -> ConnectionParameters:
    """How write-back connects: with timeouts that are shorter than a lease."""
    return replace(storage.connection_parameters(), timeout_s=TIMEOUT_S)


def _close_connections(storage: PolarDBExportStorage) -> None:
    # A session keeps the privileges that it began with: the next attempt is to see the new ones.
    with contextlib.suppress(BridgeError):
        dispose(writing_parameters(storage))


def _record_failure(storage: PolarDBExportStorage, error: BridgeError) -> None:
    with transaction.atomic():
        WritebackState.objects.get_or_create(storage=storage)
        state = WritebackState.objects.select_for_update().get(storage=storage)
        state.attempts += 1
        retry = next_try(error, state.attempts)
        state.retry_at = timezone.now() + retry.delay
        state.needs_person = retry.needs_person
        state.last_error = str(error)
        state.save(update_fields=["attempts", "retry_at", "needs_person", "last_error"])
    logger.warning(
        "Write-back: storage %s, attempt %s failed, next in %.0f s: %s",
        *(storage.pk, state.attempts, retry.delay.total_seconds(), error),
    )


def _record_success(storage: PolarDBExportStorage) -> None:
    values = {
        "attempts": 0,
        "retry_at": None,
        "needs_person": False,
        "last_error": "",
        "last_success_at": timezone.now(),
    }
    if not WritebackState.objects.filter(storage=storage).update(**values):
        WritebackState.objects.update_or_create(storage=storage, defaults=values)


def retry_now(storage: PolarDBExportStorage) -> int:
    """Forget the wait of `storage`, and make its parked marks due again; how many there were."""
    WritebackState.objects.filter(storage=storage).update(retry_at=None, needs_person=False)
    return outbox.retry_parked(storage)


def deliver_everything(storage_id: int | None = None, *, retry_parked: bool = False) -> dict[int, DeliveryReport]:
    """Deliver the marks of all storages, or of one, at once; reports by storage id.

    Marks that another delivery has leased are waited for: it writes them, or its lease runs out.

    retry_parked: also the parked marks.
    """
    storages = PolarDBExportStorage.objects.order_by("pk")
    if storage_id is not None:
        storages = storages.filter(pk=storage_id)
    reports = {}
    for storage in storages:
        if retry_parked:
            retry_now(storage)
        report = deliver(storage)
        patient_until = time.monotonic() + 2 * outbox.LEASE_LENGTH.total_seconds()
        while not report.error and unwritten_of(storage).pending and time.monotonic() < patient_until:
            time.sleep(0.2)
            more = deliver(storage)
            report.written += more.written
            report.parked += more.parked
            report.error = more.error
        reports[storage.pk] = report
    return reports
