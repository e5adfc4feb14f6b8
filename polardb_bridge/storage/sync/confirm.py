"""What a replica that lags tells wrongly: newest rows seem to be missing, and old versions of rows to be new ones.

Only what would take something away is looked at again: tasks without row, and versions that are not newer. That is rare
unless a replica does lag. Of versions without order, none is known to be newer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.primary import connect_to_primary
from polardb_bridge.storage.sync.compared import Changes, LinkedRow
from polardb_bridge.table.digests import read_digests
from polardb_bridge.table.keys import Key, order_of
from polardb_bridge.table.row_keys import RowKey, read_keys

logger = logging.getLogger(__name__)

_Pair = tuple[RowKey, LinkedRow]


def confirm(changes: Changes, storage: PolarDBImportStorage) -> None:
    """Ask the primary whether rows are missing, or do not meet the filter, and whether versions that are not newer are
    the present ones.

    What it does not confirm counts as unchanged, and is left to the next sync; so is all of it while the primary does
    not answer.
    """
    is_ordered = storage.table_mapping.version_kind.is_ordered
    suspects = [
        (key, link)
        for key, link in changes.changed
        if not is_ordered or link.is_missing or link.is_outside or key.version <= link.version
    ]
    if not suspects and not changes.missing:
        return
    row_ids = sorted([*(link.row_id for link in changes.missing), *(key.id for key, _ in suspects)], key=order_of)
    try:
        keys, digests = _read(storage, row_ids, suspects)
    except BridgeError as error:
        logger.warning(
            "Sync of storage %s: %s rows are left as they were, as it is not certain that they changed: %s",
            *(storage.pk, len(row_ids), error),
        )
        keys, digests = None, {}
    refuted = {key.id for key, link in suspects if keys is None or not _is_confirmed(key, link, keys, digests)}
    there = {link.row_id for link in changes.missing if keys is None or link.row_id in keys}
    outside = {row_id for row_id in there if keys is not None and keys[row_id].is_outside}
    changes.changed = [pair for pair in changes.changed if pair[0].id not in refuted]
    changes.outside = [link for link in changes.missing if link.row_id in outside]
    changes.missing = [link for link in changes.missing if link.row_id not in there]
    changes.unchanged += len(refuted) + len(there - outside)


def _read(
    storage: PolarDBImportStorage, row_ids: Sequence[Key], suspects: Sequence[_Pair]
) -> tuple[Mapping[Key, RowKey], Mapping[Key, str]]:
    same_version = [key.id for key, link in suspects if link.digest and key.version == link.version]
    with connect_to_primary(storage) as (connection, table):
        keys = read_keys(connection, table, row_ids)
        digests = {key.id: digest for key, digest in read_digests(connection, table, same_version)}
    return keys, digests


def _is_confirmed(key: RowKey, link: LinkedRow, keys: Mapping[Key, RowKey], digests: Mapping[Key, str]) -> bool:
    present = keys.get(key.id)
    if present is None or present.version != key.version:
        return False
    if key.id != link.row_id:
        return present.id == key.id  # its key is spelled anew
    return key.id not in digests or link.is_missing or link.is_outside or digests[key.id] != link.digest
