"""Writing what the outbox holds into the tables.

A delivery computes the current state of its tasks and writes that: it can run twice, late or in any order, and the
row still ends up equal to Label Studio.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.utils import timezone

from polardb_bridge.errors import BridgeError, RowError
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.table.connection import begin
from polardb_bridge.table.results import RowResult, write_results
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.models import WritebackState
from polardb_bridge.webhooks.retry import LONGEST_DELAY, next_try
from polardb_bridge.webhooks.state import current_results

logger = logging.getLogger(__name__)

BATCH = 500
ROW_GONE = "the table has no row {row_id} any more"


@dataclass
class DeliveryReport:
    """What a delivery did: rows written, marks that wait for a person, and the error that ended it, if any."""

    written: int = 0
    problems: int = 0
    error: str = ""


def due_storages() -> list[PolarDBExportStorage]:
    """The export storages that have something to deliver and are not waiting for a retry."""
    storages = PolarDBExportStorage.objects.filter(pending_writebacks__problem="").distinct()
    return [storage for storage in storages.select_related("writeback_state") if _may_try(storage)]


def _may_try(storage: PolarDBExportStorage) -> bool:
    state = getattr(storage, "writeback_state", None)
    if state is None or state.retry_at is None:
        return True
    now = timezone.now()
    # Further ahead than any delay: the clock was set back.
    return not now < state.retry_at <= now + LONGEST_DELAY


def deliver_due() -> dict[int, DeliveryReport]:
    """Deliver what is due, by storage id."""
    return {storage.pk: deliver(storage) for storage in due_storages()}


def deliver(storage: PolarDBExportStorage) -> DeliveryReport:
    """Deliver all due marks of `storage` in batches, until none is left or the table cannot be written."""
    report = DeliveryReport()
    while True:
        claim = outbox.claim_due(storage, BATCH)
        if not claim.marks:
            return report
        try:
            problems = _write(storage, claim)
        except BridgeError as error:
            outbox.release(claim)
            _record_failure(storage, error)
            report.error = str(error)
            return report
        except BaseException:
            outbox.release(claim)
            raise
        outbox.clear(claim, problems)
        _record_success(storage)
        report.written += len(claim.marks) - len(problems)
        report.problems += len(problems)


def _write(storage: PolarDBExportStorage, claim: outbox.Claim) -> dict[int, str]:
    """Write the state of the claimed tasks; by task id, why a row could not be written."""
    results = current_results(storage, claim.task_ids)
    try:
        return _write_all(storage, results)
    except RowError:
        return _write_one_by_one(storage, results)


def _write_all(storage: PolarDBExportStorage, results: dict[int, RowResult]) -> dict[int, str]:
    if not results:
        return {}
    with begin(storage.connection_parameters()) as connection:
        missing = write_results(connection, storage.table, list(results.values()))
    return {
        task_id: ROW_GONE.format(row_id=result.row_id)
        for task_id, result in results.items()
        if result.row_id in missing
    }


def _write_one_by_one(storage: PolarDBExportStorage, results: dict[int, RowResult]) -> dict[int, str]:
    problems: dict[int, str] = {}
    for task_id, result in results.items():
        try:
            problems |= _write_all(storage, {task_id: result})
        except RowError as error:
            problems[task_id] = str(error)
            logger.warning("Storage %s, task %s, row %s: %s", storage.pk, task_id, result.row_id, error)
    return problems


def _record_failure(storage: PolarDBExportStorage, error: BridgeError) -> None:
    state, _ = WritebackState.objects.get_or_create(storage=storage)
    state.attempts += 1
    retry = next_try(error, state.attempts)
    state.retry_at = timezone.now() + retry.delay
    state.needs_person = retry.needs_person
    state.last_error = str(error)
    state.save()
    logger.warning(
        "Write-back of storage %s failed (attempt %s, next in %.0f s): %s",
        *(storage.pk, state.attempts, retry.delay.total_seconds(), error),
    )


def _record_success(storage: PolarDBExportStorage) -> None:
    WritebackState.objects.update_or_create(
        storage=storage,
        defaults={
            "attempts": 0,
            "retry_at": None,
            "needs_person": False,
            "last_error": "",
            "last_success_at": timezone.now(),
        },
    )
