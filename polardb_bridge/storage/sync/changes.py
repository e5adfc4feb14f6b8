"""What happened to the rows of a table since their tasks were created: their keys, compared with our links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.by_key import IsWanted, RowsReader, find_by_key
from polardb_bridge.storage.sync.compared import LINKED_FIELDS, Changes, LinkedRow
from polardb_bridge.table.connection import connect
from polardb_bridge.table.digests import read_digests
from polardb_bridge.table.keys import MAX_INTEGER_KEY
from polardb_bridge.table.name_filter import compile_name_filter
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import ALL_KEYS, KeyRange, RowKey, behind


def find_changes(
    storage: PolarDBImportStorage, source: ConnectionParameters, table: sa.Table, within: KeyRange = ALL_KEYS
) -> Iterator[Changes]:
    """The differences between the rows of a range and their tasks, a page of rows at a time.

    Versions decide; `settle` looks at rows in doubt. Between the pages, no connection is held: whoever works on one may
    take longer than servers wait (`wait_timeout`).

    Raises:
        BridgeError: the table cannot be read.
    """
    matches = compile_name_filter(storage.regex_filter) if storage.regex_filter else None

    def is_wanted(key: RowKey) -> bool:
        return not (storage.only_unannotated and key.is_annotated) and not (matches and not matches(key.original_name))

    results_matter = storage.only_unannotated or storage.existing_annotations != ExistingAnnotations.IGNORE
    reader = RowsReader(source, table, results_matter)
    if reader.key.is_integer:
        yield from _by_order(storage, reader, within, is_wanted)
    else:
        yield from find_by_key(storage, reader, is_wanted)


def _by_order(
    storage: PolarDBImportStorage, reader: RowsReader, within: KeyRange, is_wanted: IsWanted
) -> Iterator[Changes]:
    """Of integer keys: rows and links of a page, both in their order."""
    links = PolarDBImportStorageLink.objects.filter(storage_id=storage.pk)
    linked = links.values_list("row_id", *LINKED_FIELDS)

    def between(after: Any, until: int | None) -> Iterable[LinkedRow]:
        found = linked if after is None else linked.filter(row_id__gt=after)
        return (LinkedRow(*row) for row in (found if until is None else found.filter(row_id__lte=until)))

    after = within.after
    while keys := reader.page(within):
        within = behind(within, keys)
        last = min(int(keys[-1].id), MAX_INTEGER_KEY)
        changes = compare(keys, between(after, last))
        # After the links: a row is dismissed before its link goes, and people delete tasks while a sync runs.
        dismissed = _dismissed(storage, [*changes.new, *changes.bad])
        changes.new = [key for key in changes.new if key.id not in dismissed and is_wanted(key)]
        changes.bad = [key for key in changes.bad if key.id not in dismissed and is_wanted(key)]
        yield changes
        after = last
    yield compare([], between(after, within.until))


def _dismissed(storage: PolarDBImportStorage, keys: Iterable[RowKey]) -> set[int]:
    ids = [int(key.id) for key in keys if int(key.id) <= MAX_INTEGER_KEY]
    if not ids or not storage.pk:
        return set()
    rows = storage.dismissed_rows.filter(row_id__range=(min(ids), max(ids)))
    return set(rows.values_list("row_id", flat=True))


def compare(keys: Iterable[RowKey], links: Iterable[LinkedRow]) -> Changes:
    """Compare the rows of a range of ids with the tasks of the same range."""
    changes = Changes()
    linked = {link.row_id: link for link in links}
    for key in keys:
        changes.add(key, linked.pop(key.id, None))
    changes.missing.extend(linked.values())
    return changes


def settle(changes: Changes, source: ConnectionParameters, table: sa.Table) -> list[LinkedRow]:
    """Have the server look at the rows in doubt, and count them as changed or unchanged; those that are unchanged.

    Raises:
        BridgeError: the table cannot be read.
    """
    doubts = {key.id: (key, link) for key, link in changes.in_doubt}
    if not doubts:
        return []
    same = []
    with connect(source) as connection:
        found = list(read_digests(connection, table, list(doubts)))
    for key, digest in found:
        old, link = doubts.pop(key.id)
        if digest == link.digest and key.version == link.version:
            same.append(link)
        elif key.problem:
            changes.bad.append(key)
        else:
            changes.changed.append((old, link))
    changes.in_doubt = []
    changes.unchanged += len(same) + len(doubts)  # what was deleted just now is missing at the next sync
    return same
