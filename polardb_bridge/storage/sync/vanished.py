"""Before a sync removes tasks: have most rows of the table vanished at once?

That is seldom meant. An account that lost a privilege on rows, a table that is emptied and filled again, a storage
whose database was replaced: all of them read as a table without rows, and say nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from django.db.models import F

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.storage.keyed import key_from
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.primary import connect_to_primary
from polardb_bridge.storage.sync import task_writer
from polardb_bridge.storage.sync.compared import LinkedRow
from polardb_bridge.table.row_keys import read_keys

# Of fewer tasks, any number may go.
MIN_TASKS = 100
# So many are looked up, spread over all of the storage's.
_SAMPLE_SIZE = 1000


def check_vanished(storage: PolarDBImportStorage, connection: sa.Connection, table: sa.Table) -> None:
    """See that a sync would not remove most tasks of the storage; of many tasks, a part is looked at.

    Raises:
        ReconfigureError: it would. Nothing was changed.
        BridgeError: the table cannot be read.
    """
    links = PolarDBImportStorageLink.objects.filter(storage_id=storage.pk)
    count = links.count()
    if count < MIN_TASKS:
        return
    spread = links.annotate(place=F("pk") % (count // _SAMPLE_SIZE + 1)).filter(place=0)
    columns = ("row_id", "key", "task_id", "version", "is_missing")
    sample = [
        LinkedRow(key_from(row_id, key), *rest) for row_id, key, *rest in spread.values_list(*columns).order_by("pk")
    ]
    gone = _removable(sample, connection, table)
    if _are_most(gone, sample):
        with connect_to_primary(storage) as (primary, its_table):  # a replica may lag behind a table that is filled now
            gone = _removable(gone, primary, its_table)
    if _are_most(gone, sample):
        about = "" if len(sample) == count else "about "
        removed = len(gone) * count // len(sample)
        raise ReconfigureError(
            f"A sync would remove {about}{removed} of {count} tasks, since the table does not show their rows: nothing "
            "was changed. If those rows are gone for good, run: polardb-bridge manage sync_storage --storage-id "
            f"{storage.pk} --allow-removal. If not, see which rows the account can read.",
            field="table",
        )


def _are_most(gone: list[LinkedRow], sample: list[LinkedRow]) -> bool:
    return len(gone) * 2 > len(sample)


def _removable(links: list[LinkedRow], connection: sa.Connection, table: sa.Table) -> list[LinkedRow]:
    """Those whose row is missing, or does not meet the filter, and whose task nobody has worked on."""
    there = read_keys(connection, table, [link.row_id for link in links])
    missing = [link for link in links if link.row_id not in there or there[link.row_id].is_outside]
    kept = task_writer.worked_on([link.task_id for link in missing])
    return [link for link in missing if link.task_id not in kept]
