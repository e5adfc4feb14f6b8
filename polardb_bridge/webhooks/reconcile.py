"""Comparing rows with Label Studio, and marking what differs.

Label Studio is the truth if somebody has labeled the task in it, or if we have written the row before. A result that
others wrote into the row of a task without annotations, or with one that only came from its row, is left alone and
counted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta

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
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.models import WritebackState
from polardb_bridge.webhooks.writers import writer_of
from polardb_bridge.webhooks.writers.writer import Writer, writing_parameters

logger = logging.getLogger(__name__)

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
    writer = writer_of(storage)
    page = list(links[:BATCH_SIZE])
    while page:
        different = _compare(writer, page, report)
        if different and not dry_run:
            outbox.mark((storage.pk, task_id) for task_id in different)
        page = list(links.filter(pk__gt=page[-1].pk)[:BATCH_SIZE])
    logger.info(
        "Reconcile: storage %s, %s rows compared: %s differ, %s pending, %s missing, %s of others",
        *(storage.pk, report.checked, report.different, report.pending, report.missing, report.foreign),
    )
    return report


def _compare(writer: Writer, links: list[PolarDBImportStorageLink], report: ReconcileReport) -> list[int]:
    """Task ids of the links whose row differs and should not."""
    found = writer.judge(links, connect)
    doubtful = [link for link in links if found[link.task_id].what]
    if doubtful:
        # A replica may lag behind what was just written.
        found |= writer.judge(doubtful, connect_at_primary)
    report.checked += len(links)
    for link in links:
        if found[link.task_id].what:
            report.add(link.row_key, found[link.task_id].what)
    return [task_id for task_id, verdict in found.items() if verdict.is_to_be_written]


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
