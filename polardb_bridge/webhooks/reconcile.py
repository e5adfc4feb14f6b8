"""Comparing rows with Label Studio, and marking what differs.

Label Studio is the truth if somebody has labeled the task in it, or if we have written the row before. A result that
others wrote into the row of a task without annotations, or with one that only came from its row, is left alone and
counted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
from django.db.models import Q
from django.utils.timezone import now as current_time

from polardb_bridge.conf import configuration
from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.matching import goes_nowhere, sources_of
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.owners import named, owner_besides
from polardb_bridge.storage.primary import connect_at_primary
from polardb_bridge.table.connection import connect
from polardb_bridge.table.keys import Key
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.stored import StoredResult, Unreadable, read_results
from polardb_bridge.webhooks import outbox, sequence
from polardb_bridge.webhooks.batch import writing_parameters
from polardb_bridge.webhooks.current_results import current_results
from polardb_bridge.webhooks.models import WritebackState

logger = logging.getLogger(__name__)

Connecting = Callable[[ConnectionParameters], AbstractContextManager[sa.Connection]]

BATCH_SIZE = 500
MAX_LISTED = 100


@dataclass
class ReconcileReport:
    """What a comparison found, in rows.

    different: rows that differ from Label Studio and had no mark; marked now, unless it was a dry run.
    pending: rows that differ and are on their way. missing: rows that tasks came from and the table no longer has.
    foreign: results that others wrote into rows of tasks that nobody has labeled in Label Studio; left alone.
    goes_nowhere: no source of the project reads the table, so that there was nothing to compare. owner: whose the table
    is, if another target writes it, too: nothing was compared, or each would write over the other's results, for ever.
    listed: the first of them, each as (key, what).
    """

    checked: int = 0
    different: int = 0
    pending: int = 0
    missing: int = 0
    foreign: int = 0
    goes_nowhere: bool = False
    owner: str = ""
    listed: list[tuple[Key, str]] = field(default_factory=list)

    def add(self, row_id: Key, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)
        if len(self.listed) < MAX_LISTED:
            self.listed.append((row_id, what))


def reconcile(storage: PolarDBExportStorage, *, dry_run: bool = False) -> ReconcileReport:
    """Compare the row of every task of `storage` with Label Studio, and mark what differs unless `dry_run`.

    Raises:
        BridgeError: the table cannot be read.
    """
    with connect(writing_parameters(storage)) as connection:
        storage.identify(connection)
    report = ReconcileReport(goes_nowhere=goes_nowhere(storage))
    if report.goes_nowhere:
        logger.warning("Reconcile: storage %s, no source of its project reads its table", storage.pk)
    owner = owner_besides(storage)
    if owner:
        report.owner = named(owner.project)
        logger.warning("Reconcile: storage %s, its table belongs to %s; nothing compared", storage.pk, report.owner)
        return report
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
    found = _judge(storage, links, connect)
    doubtful = [link for link in links if found[link.task_id].what]
    if doubtful:
        # A replica may lag behind what was just written.
        found |= _judge(storage, doubtful, connect_at_primary)
    report.checked += len(links)
    for link in links:
        if found[link.task_id].what:
            report.add(link.row_key, found[link.task_id].what)
    return [task_id for task_id, verdict in found.items() if verdict.is_to_be_written]


@dataclass(frozen=True)
class _Verdict:
    """what: as the numbers of a report are called; empty if the row is as it should be."""

    what: str = ""
    is_to_be_written: bool = False


def _judge(
    storage: PolarDBExportStorage, links: list[PolarDBImportStorageLink], connecting: Connecting
) -> dict[int, _Verdict]:
    """By task, how its row compares with Label Studio."""
    rows = {link.task_id: link.row_key for link in links}
    stored = _read(storage, list(rows.values()), connecting)
    expected: dict[int, bool] = {}
    cleared: set[int] = set()
    imported: dict[int, bool] = {}  # whether the row still holds it
    for results in current_results(storage, list(rows)):
        for task_id, result in results.items():
            found = stored.get(result.row_id)
            expected[task_id] = found is not None and found.matches(result)
            if result.data is None:
                cleared.add(task_id)
            elif found is not None and not expected[task_id] and result.count == 1:
                is_alike = found.data == result.data
                if is_alike or (found.data is not None and found.uid != result.uid):
                    imported[task_id] = is_alike
    # A result that came from its row, and that nobody has touched: other tools keep another count or no uid, and may
    # have labeled the row again.
    untouched = imported.keys() - sequence.tasks_changed_here(imported) if imported else set()
    pending = outbox.dirty([storage], list(rows))
    verdicts = {}
    for link in links:
        found = stored.get(link.row_key)
        verdict = _Verdict()
        if found is None:
            # Its mark will say so to people who look for what is not delivered.
            verdict = _Verdict("missing", link.task_id in expected and link.task_id not in cleared)
        elif link.task_id in untouched:
            verdict = _Verdict() if imported[link.task_id] else _Verdict("foreign")
        elif not expected.get(link.task_id, True) and (link.task_id not in cleared or link.has_result):
            verdict = _Verdict("pending" if link.task_id in pending else "different", is_to_be_written=True)
        elif not expected.get(link.task_id, False) and not found.is_empty:
            verdict = _Verdict("foreign")
        verdicts[link.task_id] = verdict
    return verdicts


def _read(storage: PolarDBExportStorage, row_ids: list[Key], connecting: Connecting) -> dict[Key, StoredResult]:
    with connecting(writing_parameters(storage)) as connection:
        try:
            return read_results(connection, storage.source_table, row_ids)
        except (TypeError, ValueError, AttributeError, OverflowError):
            if len(row_ids) == 1:
                # What others put there, the driver cannot even make a value of: nothing of ours.
                return {row_ids[0]: StoredResult(row_ids[0], Unreadable("cannot be read"), None, None, None, None)}
    middle = len(row_ids) // 2
    halves = row_ids[:middle], row_ids[middle:]
    return _read(storage, halves[0], connecting) | _read(storage, halves[1], connecting)


def organizations_due() -> list[int]:
    """Ids of the organizations of which `reconcile_due` has something to do."""
    every = configuration().reconcile_every
    if every is None:
        return []
    due = WritebackState.objects.filter(_is_due(every))
    storages = PolarDBExportStorage.objects.filter(Q(writeback_state__isnull=True) | Q(writeback_state__in=due))
    return list(storages.order_by().values_list("project__organization", flat=True).distinct())


def reconcile_due(organization_id: int) -> None:
    """Reconcile an organization's storages whose last comparison is `POLARDB_RECONCILE_MINUTES` ago, one by one.

    One process does it: the first to set the time.
    """
    every = configuration().reconcile_every
    if every is None:
        return
    for storage in PolarDBExportStorage.objects.filter(project__organization=organization_id).order_by("pk"):
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
    return bool(WritebackState.objects.filter(_is_due(every), storage=storage).update(reconciled_at=current_time()))


def _is_due(every: timedelta) -> Q:
    now = current_time()
    return Q(reconciled_at__isnull=True) | Q(reconciled_at__lte=now - every) | Q(reconciled_at__gt=now)
