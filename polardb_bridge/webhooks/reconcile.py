"""Comparing rows with Label Studio, and marking what differs.

Label Studio is the truth if it has an annotation, or if we have written the row before. A result that others
wrote into the row of a task without annotations is left alone, and counted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Q
from django.utils.timezone import now as current_time

from polardb_bridge.conf import configuration
from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.table.connection import connect
from polardb_bridge.table.results import StoredResult, Unreadable, read_results
from polardb_bridge.webhooks import outbox, sequence
from polardb_bridge.webhooks.batch import writing_parameters
from polardb_bridge.webhooks.current_results import current_results, sources_of
from polardb_bridge.webhooks.models import WritebackState

logger = logging.getLogger(__name__)

BATCH_SIZE = 500
MAX_LISTED = 100


@dataclass
class ReconcileReport:
    """What a comparison found, in rows.

    different: rows that differ from Label Studio and had no mark; marked now, unless it was a dry run.
    pending: rows that differ and are on their way. missing: rows that tasks came from and the table no longer has.
    foreign: results that others wrote into rows of tasks without annotations; left alone.
    listed: the first of them, each as (row id, what).
    """

    checked: int = 0
    different: int = 0
    pending: int = 0
    missing: int = 0
    foreign: int = 0
    listed: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row_id: int, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)
        if len(self.listed) < MAX_LISTED:
            self.listed.append((row_id, what))


def reconcile(storage: PolarDBExportStorage, *, dry_run: bool = False) -> ReconcileReport:
    """Compare the row of every task of `storage` with Label Studio, and mark what differs unless `dry_run`.

    Raises:
        BridgeError: the table cannot be read.
    """
    report = ReconcileReport()
    links = PolarDBImportStorageLink.objects.filter(storage__in=sources_of(storage)).order_by("pk")
    page = list(links[:BATCH_SIZE])
    while page:
        different = _compare(storage, page, report)
        if different and not dry_run:
            outbox.mark((storage.pk, task_id) for task_id in different)
        page = list(links.filter(pk__gt=page[-1].pk)[:BATCH_SIZE])
    logger.info(
        "Reconcile: storage %s, %s rows compared: %s differ, %s pending, %s missing, %s of others",
        *(storage.pk, report.checked, report.different, report.pending, report.missing, report.foreign),
    )
    return report


def _compare(
    storage: PolarDBExportStorage, links: list[PolarDBImportStorageLink], report: ReconcileReport
) -> list[int]:
    """Task ids of the links whose row differs and should not."""
    rows = {link.task_id: link.row_id for link in links}
    stored = _read(storage, list(rows.values()))
    expected: dict[int, bool] = {}
    cleared: set[int] = set()
    alike: list[int] = []
    for results in current_results(storage, list(rows)):
        for task_id, result in results.items():
            found = stored.get(result.row_id)
            expected[task_id] = found is not None and found.matches(result)
            if result.data is None:
                cleared.add(task_id)
            elif found is not None and not expected[task_id] and result.count == 1 and found.data == result.data:
                alike.append(task_id)
    # A result that came from its row, and that nobody has touched: other tools keep another count, or no uid.
    if alike:
        expected.update(dict.fromkeys(set(alike) - sequence.tasks_changed_here(alike), True))
    pending = outbox.dirty([storage], list(rows))
    different = []
    for link in links:
        row_id = link.row_id
        report.checked += 1
        found = stored.get(row_id)
        if found is None:
            report.add(row_id, "missing")
            if link.task_id in expected and link.task_id not in cleared:
                different.append(link.task_id)  # its mark will say so to people who look for what is not delivered
        elif not expected.get(link.task_id, True):
            if link.task_id in cleared and not link.has_result:
                _count_foreign(report, found)
            elif link.task_id in pending:
                report.add(row_id, "pending")
                different.append(link.task_id)
            else:
                report.add(row_id, "different")
                different.append(link.task_id)
        elif link.task_id not in expected:
            _count_foreign(report, found)
    return different


def _read(storage: PolarDBExportStorage, row_ids: list[int]) -> dict[int, StoredResult]:
    with connect(writing_parameters(storage)) as connection:
        try:
            return read_results(connection, storage.source_table, row_ids)
        except (TypeError, ValueError, AttributeError, OverflowError):
            if len(row_ids) == 1:
                # What others put there, the driver cannot even make a value of: nothing of ours.
                return {row_ids[0]: StoredResult(row_ids[0], Unreadable("cannot be read"), None, None, None, None)}
    middle = len(row_ids) // 2
    return _read(storage, row_ids[:middle]) | _read(storage, row_ids[middle:])


def _count_foreign(report: ReconcileReport, found: StoredResult) -> None:
    if not found.is_empty:
        report.add(found.row_id, "foreign")


def reconcile_due() -> None:
    """Reconcile the storages whose last comparison is `POLARDB_RECONCILE_MINUTES` ago, one after the other.

    One process does it for all: the first to set the time.
    """
    every = configuration().reconcile_every
    if every is None:
        return
    for storage in PolarDBExportStorage.objects.order_by("pk"):
        if not _take(storage, every):
            continue
        try:
            reconcile(storage)
        except BridgeError as error:
            logger.warning("Reconcile: storage %s, %s", storage.pk, error)
        except Exception as error:
            # Whatever it is, it is of this storage: the others are compared.
            logger.warning("Reconcile: storage %s, %s", storage.pk, error, exc_info=True)


def _take(storage: PolarDBExportStorage, every: timedelta) -> bool:
    WritebackState.objects.get_or_create(storage=storage)
    now = current_time()
    due = Q(reconciled_at__isnull=True) | Q(reconciled_at__lte=now - every) | Q(reconciled_at__gt=now)
    return bool(WritebackState.objects.filter(due, storage=storage).update(reconciled_at=now))
