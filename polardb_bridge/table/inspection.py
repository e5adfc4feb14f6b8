"""A table that nobody here knows yet: what its columns hold, and the mapping that fits.

The types tell some of it; the first rows, of which only the first bytes of each value are read, tell the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.columns import BYTES, TEXTS, TIMES
from polardb_bridge.table.derived import table_of
from polardb_bridge.table.fields import PICTURE, Field
from polardb_bridge.table.found import Column, FoundTable
from polardb_bridge.table.key_counts import find_key
from polardb_bridge.table.mapping import DOCUMENTED, TableMapping
from polardb_bridge.table.samples import READ_LENGTH, Sample, by_type, look_at
from polardb_bridge.table.text import as_bytes

LOOKED_AT_ROWS = 20
_NAMES = ("original_name", "title", "name", "file_name", "filename", "caption", "subject", "label")
# What a task shows, the best first: by the name of its field, whether a column can be that.
_WORTH_LABELING = (
    (PICTURE, {FieldKind.BASE64, FieldKind.BYTES}),
    (PICTURE, {FieldKind.URL}),
    ("pages", {FieldKind.BASE64S, FieldKind.URLS}),
    ("text", {FieldKind.TEXT}),
)


@dataclass(frozen=True)
class SeenColumn:
    """A column and what the rows looked at hold in it, in words: "pictures (PNG)", "text", "nothing".

    read: how a field of tasks can be read from it; None if it cannot be told.
    rows: how many of those looked at hold what it says. length: of a text, on average, as far as it was read.
    """

    name: str
    column: Column
    holds: str
    rows: int = 0
    read: Field | None = None
    length: float = 0

    @property
    def kind(self) -> FieldKind | None:
        return self.read.kind if self.read else None


@dataclass(frozen=True)
class Inspection:
    """seen: the columns in their order. looked_at: how many rows were looked at, LOOKED_AT_ROWS at most.

    key: what tells the rows of a view or a query apart, as far as can be seen; None if nothing does, and of tables.
    """

    found: FoundTable
    seen: tuple[SeenColumn, ...]
    looked_at: int
    key: tuple[str, ...] | None = None

    @property
    def proposal(self) -> AskedMapping:
        """What the rows suggest and the catalogue alone would not (`choosing.complete`)."""
        return AskedMapping(
            key=self.key,
            data=self._data(),
            name=next((name for name in _NAMES if self._is_text(name)), None),
            version=next((seen.name for seen in self.seen if _follows_the_row(seen.column)), None),
        )

    def _data(self) -> dict[str, Field] | None:
        """A picture, an address, a list of these, or the longest text: the first of these that there is."""
        taken = {*DOCUMENTED.results, *(self.key or ())}
        free = [seen for seen in self.seen if not seen.column.is_key and seen.name not in taken]
        for field, kinds in _WORTH_LABELING:
            candidates = [seen for seen in free if seen.read and seen.read.kind in kinds]
            best = max(candidates, key=lambda seen: (seen.length, seen.rows), default=None)
            if best and best.read:
                return {field: best.read}
        return None

    def mapping(self) -> TableMapping:
        """The proposal, completed.

        Raises:
            InvalidInputError: the table has no key, or nothing to label was seen.
        """
        return complete(self.proposal, self.found)

    def _is_text(self, name: str) -> bool:
        column = self.found.column(name)
        return column is not None and column.type in TEXTS and not column.is_key


def inspect(connection: sa.Connection, found: FoundTable) -> Inspection:
    """Look at a table's first rows by its primary key, or any rows if it has none."""
    rows = _first_rows(connection, found)
    by_column = list(zip(*rows, strict=True)) or [()] * len(found.columns)
    seen = [
        _seen(name, column, [value for value in values if value is not None])
        for (name, column), values in zip(found.columns.items(), by_column, strict=True)
    ]
    return Inspection(found, tuple(seen), len(rows), find_key(connection, found) if found.is_view else None)


def _first_rows(connection: sa.Connection, found: FoundTable) -> list[tuple[bytes | None, ...]]:
    """The first bytes of each value; 1 in place of those that the type alone tells."""
    columns = [_start_of(name, column) for name, column in found.columns.items()]
    query = sa.select(*columns).select_from(table_of(found.name, found.query)).limit(LOOKED_AT_ROWS)
    ordered = query.order_by(*(sa.column(name) for name in found.key))
    return [tuple(row) for row in connection.execute(ordered)]


def _start_of(name: str, column: Column) -> sa.ColumnElement[bytes]:
    if column.type in TEXTS | BYTES | {"json"}:
        return as_bytes(name, READ_LENGTH)
    return sa.case((sa.column(name).is_not(None), sa.literal(b"1")))


def _seen(name: str, column: Column, values: Sequence[bytes]) -> SeenColumn:
    if not values:
        return SeenColumn(name, column, "nothing")
    if column.type not in TEXTS | BYTES | {"json"}:
        holds, kind = by_type(column.type)
        return SeenColumn(name, column, holds, len(values), Field(name, kind) if kind else None)
    seen = [look_at(value, is_text=column.type not in BYTES) for value in values]
    most = max(seen, key=seen.count)
    alike = [sample for sample in seen if sample.is_read_like(most)]
    length = sum(len(value.decode(errors="replace")) for value in values) / len(values)
    is_text = most.kind is FieldKind.TEXT
    return SeenColumn(name, column, _in_words(most, alike), len(alike), most.field(name), length if is_text else 0)


def _in_words(most: Sample, alike: Sequence[Sample]) -> str:
    formats = sorted({sample.format for sample in alike if sample.format})
    return f"{most.what} ({', '.join(formats)}){most.how}" if formats else f"{most.what}{most.how}"


def _follows_the_row(column: Column) -> bool:
    return column.type in TIMES and column.changes_with_row
