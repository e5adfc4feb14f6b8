"""What happened to the rows of a table whose keys are texts since their tasks were created.

Our database orders texts otherwise than theirs, and takes others for the same: rows and links cannot be walked side by
side. So the table is first asked for the rows of all links, and then read in its own order, for those without a link.
A row whose key was spelled anew between the two would be taken for a new one: that is a matter of seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from django.db.models import QuerySet

from polardb_bridge.storage.keyed import with_keys
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.compared import Changes, LinkedRow
from polardb_bridge.table.connection import connect
from polardb_bridge.table.key_columns import TableKey, key_of
from polardb_bridge.table.keys import Key, problem_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.rows import ALL_KEYS, KeyRange, RowKey, behind, count_rows, read_key_page, read_keys

_LINKS_BATCH_SIZE = 5000
# Databases take so many parameters in a statement.
_LOOKUP_BATCH_SIZE = 1000

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

    def count(self) -> int:
        with connect(self.source) as connection:
            return count_rows(connection, self.table)


def find_by_key(storage: PolarDBImportStorage, reader: RowsReader, is_wanted: IsWanted) -> Iterator[Changes]:
    """The differences between all rows and their tasks; `changed` has those whose keys are spelled anew, too.

    Raises:
        BridgeError: the table cannot be read.
    """
    links = PolarDBImportStorageLink.objects.filter(storage_id=storage.pk)
    # Spellings of rows that our links, or dismissed rows, do not have yet.
    respelled: set[Key] = set()
    known = 0
    fields = ("key", "task_id", "version", "is_missing", "memory__digest", "memory__revision")
    for page in _pages(links, *fields):
        linked = [LinkedRow(*row) for row in page]
        rows = reader.rows_of([link.row_id for link in linked])
        anew = {row.id for asked, row in rows.items() if asked != row.id}
        # Two links for one row: the one that is spelled as the row is has it.
        taken = _found(links, anew) if anew else set()
        changes = Changes()
        for link in linked:
            row = rows.get(link.row_id)
            if row is None or (row.id != link.row_id and row.id in taken):
                changes.missing.append(link)
            else:
                changes.add(row, link)
                known += 1
        respelled |= anew
        yield changes
    dismissed = storage.dismissed_rows.all() if storage.pk else None
    for page in _pages(dismissed, "key") if dismissed is not None else ():
        rows = reader.rows_of([key for (key,) in page])
        known += len(rows)
        respelled |= {row.id for row in rows.values()}
    if reader.count() == known:
        return
    within = ALL_KEYS
    while keys := reader.page(within):
        within = behind(within, keys)
        ids = {key.id for key in keys if not problem_of(key.id)}
        passed = respelled | _found(links, ids)
        # After the links: a row is dismissed before its link goes, and people delete tasks while a sync runs.
        passed |= _found(dismissed, ids) if dismissed is not None else set()
        changes = Changes()
        for key in keys:
            if key.id not in passed and is_wanted(key):
                changes.add(key, None)
        yield changes


def _pages(rows: QuerySet[Any], *fields: str) -> Iterator[list[tuple[Any, ...]]]:
    """The fields of all rows, in the order in which they were made."""
    values = rows.order_by("pk").values_list("pk", *fields)
    page = list(values[:_LINKS_BATCH_SIZE])
    while page:
        yield [row[1:] for row in page]
        page = list(values.filter(pk__gt=page[-1][0])[:_LINKS_BATCH_SIZE])


def _found(rows: QuerySet[Any], keys: Collection[Key]) -> set[Key]:
    """Those of the keys that rows of ours have, spelled like this."""
    wanted = list(keys)
    found: set[Key] = set()
    for start in range(0, len(wanted), _LOOKUP_BATCH_SIZE):
        found |= {*with_keys(rows, wanted[start : start + _LOOKUP_BATCH_SIZE]).values_list("key", flat=True)}
    return found
