"""A table that nobody here knows yet: what its columns hold, and the mapping that fits.

The types tell some of it; the first rows, of which only the first bytes of each value are read, tell the rest.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.choices import ImageEncoding
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.columns import BYTES, INTEGERS, TEXTS, TIMES, Column, FoundTable
from polardb_bridge.table.images.base64_text import first_bytes
from polardb_bridge.table.images.identify import image_format, other_kind
from polardb_bridge.table.mapping import AskedMapping, Picture, TableMapping
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

    encoding: how its pictures are stored; None if it has none. rows: how many of those looked at hold what it says.
    """

    name: str
    column: Column
    holds: str
    rows: int = 0
    encoding: ImageEncoding | None = None


@dataclass(frozen=True)
class Inspection:
    """seen: the columns in their order. looked_at: how many rows were looked at, LOOKED_AT_ROWS at most."""

    found: FoundTable
    seen: tuple[SeenColumn, ...]
    looked_at: int

    @property
    def proposal(self) -> AskedMapping:
        """What the rows suggest and the catalogue alone would not (`choosing.complete`)."""
        pictures = [column for column in self.seen if column.encoding]
        best = max(pictures, key=lambda column: column.rows, default=None)
        return AskedMapping(
            picture=Picture(best.name, best.encoding) if best and best.encoding else None,
            name=next((name for name in _NAMES if self._is_text(name)), None),
            version=next((seen.name for seen in self.seen if _follows_the_row(seen.column)), None),
        )

    def mapping(self) -> TableMapping:
        """The proposal, completed.

        Raises:
            InvalidInputError: the table has no key, or no picture was seen.
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
    if column.type not in BYTES | TEXTS | {"json"}:
        return SeenColumn(name, column, _by_type(column), len(values))
    kinds = [_kind(value, is_text=column.type not in BYTES) for value in values]
    likeliest = max(kinds, key=kinds.count)
    holds, encoding = likeliest
    formats = sorted({kind.split()[1].strip("()") for kind, found in kinds if found and found == encoding})
    if encoding and len(formats) > 1:
        holds = f"pictures ({', '.join(formats)})"
    rows = sum(found == encoding if encoding else kind == holds for kind, found in kinds)
    return SeenColumn(name, column, holds, rows, encoding)


def _kind(value: bytes, *, is_text: bool) -> tuple[str, ImageEncoding | None]:
    """What a value is by its first bytes, and how it holds a picture, if it does."""
    if found := image_format(value[:32]):
        return f"pictures ({found})", ImageEncoding.BYTES
    if found := image_format(first_bytes(value)):
        return f"pictures ({found})", ImageEncoding.BASE64
    if is_text:
        return _kind_of_text(value), None
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
