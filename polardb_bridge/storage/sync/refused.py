"""Results of rows that could not be brought in: each sync looks at them again, until they can be.

What stands against a result is often put right later: the labeling interface is set, or the row is corrected.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import DataError, IntegrityError
from django.db.models import QuerySet

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.errors import RowError
from polardb_bridge.storage.keyed import key_from
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.existing_results import read_existing
from polardb_bridge.storage.sync.models import RefusedResult
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.task_writer import Writer
from polardb_bridge.table.keys import order_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import KeyRange

# What Label Studio, Django and the databases raise for a value that they cannot hold.
REFUSED = (DataError, IntegrityError, ValueError, OverflowError, TypeError, RecursionError)
_BATCH_SIZE = 500


def refused_in(storage: PolarDBImportStorage, within: KeyRange) -> QuerySet[RefusedResult]:
    """The refused results of rows of a range."""
    found = RefusedResult.objects.filter(link__storage=storage.pk)
    if within.after is not None:
        found = found.filter(link__row_id__gt=within.after)
    return found if within.until is None else found.filter(link__row_id__lte=within.until)


def bring_in_refused(
    writer: Writer, source: ConnectionParameters, within: KeyRange, report: SyncReport, progress: Callable[[], None]
) -> None:
    """Try those of a range again; what is refused still goes to the report.

    Raises:
        BridgeError: the table cannot be read, or the sync is no longer this process'.
    """
    storage = writer.storage
    refused = refused_in(storage, within).order_by("pk")
    if storage.existing_annotations == ExistingAnnotations.IGNORE:
        refused.delete()
        return
    columns = ("pk", "link__row_id", "link__key", "link__task__data__original_name")
    page = list(refused.values_list(*columns)[:_BATCH_SIZE])
    while page:
        links = {key_from(row_id, key): link_id for link_id, row_id, key, _ in page}
        names = {key_from(row_id, key): str(name) for _, row_id, key, name in page}
        good, bad = read_existing(storage, source, list(links))
        # Neither good nor bad is what holds no result any more.
        writer.forget_refused([links[row_id] for row_id in links if row_id not in good and row_id not in bad])
        for row_id, result in good.items():
            try:
                writer.bring_in(links[row_id], result)
            except REFUSED as error:
                bad[row_id] = not_accepted(error)
        for row_id in sorted(bad, key=order_of):
            report.add_error(row_id, names[row_id], bad[row_id])
        progress()
        page = list(refused.filter(pk__gt=page[-1][0]).values_list(*columns)[:_BATCH_SIZE])


def not_accepted(error: Exception) -> RowError:
    """What to say of a value that the database cannot hold."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    return RowError(f"Label Studio's database does not accept the row: {said[0][:200]}")
