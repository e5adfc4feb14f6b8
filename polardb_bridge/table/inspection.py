"""A table that nobody here knows yet: what its columns hold, and the mapping that fits.

The types tell some of it; the first rows, of which only the first bytes of each value are read, tell the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.columns import BYTES, INTEGERS, TEXTS, TIMES, Column, FoundTable
from polardb_bridge.table.fields import PICTURE, Field
from polardb_bridge.table.images.base64_text import first_bytes
from polardb_bridge.table.images.identify import image_format, other_kind
from polardb_bridge.table.mapping import DOCUMENTED, AskedMapping, TableMapping
from polardb_bridge.table.text import quoted

LOOKED_AT_ROWS = 20
# In bytes, or in characters of texts.
_READ_LENGTH = 512
# An OLE header, such as Northwind's, stands before the picture.
_MAX_HEADER_BYTES = 256
_NAMES = ("original_name", "title", "name", "file_name", "filename", "caption", "subject", "label")
_ADDRESSES = ("http://", "https://", "s3://", "gs://", "//")


@dataclass(frozen=True)
class SeenColumn:
    """A column and what the rows looked at hold in it, in words: "pictures (PNG)", "text", "nothing".

    kind: how a field of tasks can be read from it; None if it cannot be told, or holds nothing to label.
    rows: how many of those looked at hold what it says. length: of a text, on average, as far as it was read.
    """

    name: str
    column: Column
    holds: str
    rows: int = 0
    kind: FieldKind | None = None
    length: float = 0


@dataclass(frozen=True)
class Inspection:
    """seen: the columns in their order. looked_at: how many rows were looked at, LOOKED_AT_ROWS at most."""

    found: FoundTable
    seen: tuple[SeenColumn, ...]
    looked_at: int

    @property
    def proposal(self) -> AskedMapping:
        """What the rows suggest and the catalogue alone would not (`choosing.complete`)."""
        return AskedMapping(
            data=self._data(),
            name=next((name for name in _NAMES if self._is_text(name)), None),
            version=next((seen.name for seen in self.seen if _follows_the_row(seen.column)), None),
        )

    def _data(self) -> dict[str, Field] | None:
        """A picture, an address, or the longest text: the first of these that there is."""
        free = [
            seen for seen in self.seen if seen.kind and not seen.column.is_key and seen.name not in DOCUMENTED.results
        ]
        pictures = [seen for seen in free if seen.kind and seen.kind.is_picture]
        addresses = [seen for seen in free if seen.kind is FieldKind.URL]
        texts = [seen for seen in free if seen.kind is FieldKind.TEXT]
        for field, candidates in ((PICTURE, pictures), (PICTURE, addresses), ("text", texts)):
            best = max(candidates, key=lambda seen: (seen.length, seen.rows), default=None)
            if best and best.kind:
                return {field: Field(best.name, best.kind)}
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
    return Inspection(found, tuple(seen), len(rows))


def _first_rows(connection: sa.Connection, found: FoundTable) -> list[tuple[bytes | None, ...]]:
    """The first bytes of each value; 1 in place of those that the type alone tells."""
    columns = [_start_of(name, column) for name, column in found.columns.items()]
    query = sa.select(*columns).select_from(sa.table(found.name)).limit(LOOKED_AT_ROWS)
    ordered = query.order_by(*(sa.column(name) for name in found.key))
    return [tuple(row) for row in connection.execute(ordered)]


def _start_of(name: str, column: Column) -> sa.ColumnElement[bytes | None]:
    value: sa.ColumnElement[bytes | None] = sa.column(name)
    if column.type in BYTES:
        return sa.func.left(value, _READ_LENGTH)
    if column.type in TEXTS | {"json"}:
        start: sa.ColumnElement[str] = sa.literal_column(f"CONVERT(LEFT({quoted(name)}, {_READ_LENGTH}) USING utf8mb4)")
        return sa.cast(start, sa.LargeBinary())
    return sa.case((value.is_not(None), sa.literal(b"1")))


def _seen(name: str, column: Column, values: Sequence[bytes]) -> SeenColumn:
    if not values:
        return SeenColumn(name, column, "nothing")
    is_text = column.type in TEXTS
    if not is_text and column.type not in BYTES | {"json"}:
        return SeenColumn(name, column, _by_type(column), len(values))
    seen = [_kind(value, is_text=column.type not in BYTES) for value in values]
    holds, kind = max(seen, key=seen.count)
    formats = sorted({words for words, found in seen if found is kind})
    if kind and kind.is_picture and len(formats) > 1:
        holds = f"pictures ({', '.join(words.removeprefix('pictures (').rstrip(')') for words in formats)})"
    rows = sum(found is kind if kind else words == holds for words, found in seen)
    length = sum(len(value.decode(errors="replace")) for value in values) / len(values) if kind is FieldKind.TEXT else 0
    return SeenColumn(name, column, holds, rows, kind, length)


def _kind(value: bytes, *, is_text: bool) -> tuple[str, FieldKind | None]:
    """What a value is by its first bytes, and how a field of tasks would be read from it."""
    if found := image_format(value[:32]):
        return f"pictures ({found})", FieldKind.BYTES
    if found := image_format(first_bytes(value)):
        return f"pictures ({found})", FieldKind.BASE64
    if is_text:
        words = _kind_of_text(value)
        return words, {"addresses": FieldKind.URL, "text": FieldKind.TEXT}.get(words)
    for start in range(1, min(_MAX_HEADER_BYTES, len(value))):
        if found := image_format(value[start : start + 32]):
            return f"pictures ({found}) behind {start} other bytes", None
    return other_kind(value) or "bytes", None


def _kind_of_text(value: bytes) -> str:
    text = value.decode(errors="replace")
    if not text.strip():
        return "empty text"
    if text.strip().startswith(_ADDRESSES) and not any(char in text.strip() for char in " \t\r\n<>"):
        return "addresses"
    return "JSON" if text.lstrip()[:1] in "{[" and _begins_json(text) else "text"


def _begins_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        # What was cut off ends within a string, or where more was to come.
        is_cut = len(text) >= _READ_LENGTH
        return is_cut and (error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"))
    return True


def _by_type(column: Column) -> str:
    if column.type in INTEGERS | {"decimal", "float", "double"}:
        return "numbers"
    return "times" if column.type in TIMES | {"date", "time"} else f"{column.type} values"


def _follows_the_row(column: Column) -> bool:
    return column.type in TIMES and column.changes_with_row
