"""What happened to the rows of a table whose keys are texts since their tasks were created.

Our database orders texts otherwise than theirs, and takes others for the same: rows and links cannot be walked side by
side. So the table is read in its own order, and links are looked up by the very spelling of its keys. If that does not
find all of them, the table is asked for the others: their rows are gone, or have their keys spelled anew. Only then is
it known which rows are new, and if there are any, the table is read again for them.

A row whose key is spelled anew in between would be taken for a new one: that is a matter of seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from django.db.models import QuerySet

from polardb_bridge.storage.keyed import IS_TEXT, with_keys
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.compared import LINKED_FIELDS, Changes, LinkedRow
from polardb_bridge.storage.sync.models import DismissedRow
from polardb_bridge.table.connection import connect
from polardb_bridge.table.key_columns import TableKey, key_of
from polardb_bridge.table.keys import Key, problem_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import ALL_KEYS, KeyRange, RowKey, behind, read_key_page, read_keys

_LINKS_BATCH_SIZE = 5000
# Databases take so many parameters in a statement.
_LOOKUP_BATCH_SIZE = 1000

# Of links, for each key of a page: more of them between the first and the last, and the orders have little in common.
_MOST_IN_RANGE = 2

_FIELDS = ("key", *LINKED_FIELDS)

IsWanted = Callable[[RowKey], bool]


@dataclass(frozen=True)
class RowsReader:
    """Reads keys of a table, each page with a connection of its own. with_results: as in `read_key_page`."""

    source: ConnectionParameters
    table: sa.Table
    with_results: bool

    @property
    def key(self) -> TableKey:
        return key_of(self.table)

    def page(self, within: KeyRange) -> list[RowKey]:
        with connect(self.source) as connection:
            return read_key_page(connection, self.table, within, with_results=self.with_results)

    def rows_of(self, keys: Collection[Key]) -> dict[Key, RowKey]:
        """By the keys that are asked for."""
        with connect(self.source) as connection:
            return read_keys(connection, self.table, list(keys))


def find_by_key(storage: PolarDBImportStorage, reader: RowsReader, is_wanted: IsWanted) -> Iterator[Changes]:
    """The differences between all rows and their tasks; `changed` has those whose keys are spelled anew, too.

    Raises:
        BridgeError: the table cannot be read.
    """
    links = PolarDBImportStorageLink.objects.filter(storage_id=storage.pk)
    dismissed = DismissedRow.objects.filter(storage_id=storage.pk)
    rows = known = 0
    if links.exists():
        for keys in _pages_of_rows(reader):
            linked = {link.row_id: link for link in _linked(links, keys)}
            changes = Changes()
            for key in keys:
                if link := linked.get(key.id):
                    changes.add(key, link)
            rows += len(keys)
            known += len(linked)
            yield changes
    # Spellings of rows that our links, or dismissed rows, do not have yet.
    respelled: set[Key] = set()
    for page in _pages(links, *_FIELDS) if known != links.count() else ():
        changes, anew = _of_others([LinkedRow(*row) for row in page], reader, links)
        respelled |= anew
        known += len(changes.changed) + len(changes.bad)
        yield changes
    for page in _pages(dismissed, "key"):
        rows_there = reader.rows_of([key for (key,) in page])
        there = {key: row for key, row in rows_there.items() if not row.is_outside}
        respelled |= {row.id for row in there.values()}
        known += len(there)
    if rows and rows == known:
        return
    for keys in _pages_of_rows(reader):
        # After the links: a row is dismissed before its link goes, and people delete tasks while a sync runs.
        passed = respelled | {link.row_id for link in _linked(links, keys)} | _found(dismissed, keys)
        changes = Changes()
        for key in keys:
            if key.id not in passed and is_wanted(key):
                changes.add(key, None)
        yield changes


def _of_others(
    linked: list[LinkedRow], reader: RowsReader, links: QuerySet[PolarDBImportStorageLink]
) -> tuple[Changes, set[Key]]:
    """Of links: those whose rows have their keys spelled anew, or are gone or outside; and the new spellings."""
    rows = reader.rows_of([link.row_id for link in linked])
    anew = {row.id for asked, row in rows.items() if asked != row.id}
    # Two links for one row: the one that is spelled as the row is has it.
    taken = _found(links, rows.values()) if anew else set()
    changes = Changes()
    for link in linked:
        row = rows.get(link.row_id)
        if row is None or row.is_outside or (row.id != link.row_id and row.id in taken):
            changes.missing.append(link)
        elif row.id != link.row_id:
            changes.add(row, link)
    return changes, anew


def _pages_of_rows(reader: RowsReader) -> Iterator[list[RowKey]]:
    within = ALL_KEYS
    while keys := reader.page(within):
        within = behind(within, keys)
        yield keys


def _pages(rows: QuerySet[Any], *fields: str) -> Iterator[list[tuple[Any, ...]]]:
    """The fields of all rows, in the order in which they were made."""
    values = rows.order_by("pk").values_list("pk", *fields)
    page = list(values[:_LINKS_BATCH_SIZE])
    while page:
        yield [row[1:] for row in page]
        page = list(values.filter(pk__gt=page[-1][0])[:_LINKS_BATCH_SIZE])


def _linked(links: QuerySet[PolarDBImportStorageLink], keys: Iterable[RowKey]) -> Iterator[LinkedRow]:
    """The links that have these keys, spelled like this.

    Most keys have the same neighbours in our database as in theirs: those of a page are read as a range, and only what
    that does not find is looked up one by one.
    """
    missing = set(_askable(keys))
    if missing:
        around = links.filter(IS_TEXT, key__range=(min(missing), max(missing))).values_list(*_FIELDS)
        for row in around[: _MOST_IN_RANGE * len(missing)]:
            if row[0] in missing:
                missing.remove(row[0])
                yield LinkedRow(*row)
    for wanted in _parts(missing):
        yield from (LinkedRow(*row) for row in with_keys(links, wanted).values_list(*_FIELDS))


def _found(rows: QuerySet[Any], keys: Iterable[RowKey]) -> set[Key]:
    """Those of the keys that rows of ours have, spelled like this."""
    asked = _askable(keys)
    return {key for wanted in _parts(asked) for key in with_keys(rows, wanted).values_list("key", flat=True)}


def _askable(keys: Iterable[RowKey]) -> list[Key]:
    """Those that our database can hold; a problem may be that of the name alone."""
    return [key.id for key in keys if not key.problem or not problem_of(key.id)]


def _parts(keys: Iterable[Key]) -> Iterator[list[Key]]:
    wanted = list(keys)
    for start in range(0, len(wanted), _LOOKUP_BATCH_SIZE):
        yield wanted[start : start + _LOOKUP_BATCH_SIZE]
