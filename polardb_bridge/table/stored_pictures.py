"""The pictures of rows as statements read them: from the column that the mapping names, or the first that has one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.table.fields import Field
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.text import as_bytes, literal, quoted


@dataclass(frozen=True)
class StoredPicture:
    """What a row holds of a picture, without what stands before it. data: None if it is NULL, or was not read.

    source: the column. size: in bytes; 0 if it is NULL. version: the row's, if the picture was read by itself.
    start, end: of what was not read, if asked for.
    """

    source: Field
    data: str | bytes | None
    size: int
    version: int = 0
    start: bytes = b""
    end: bytes = b""


@dataclass(frozen=True)
class PictureColumns:
    """Where the rows of a table hold the picture of one field of tasks: the first of its columns that has one."""

    table: sa.Table
    field: str

    @property
    def sources(self) -> tuple[Field, ...]:
        return mapping_of(self.table).pictures[self.field]

    @property
    def size(self) -> sa.ColumnElement[int]:
        """The bytes of a row's picture as it is stored; NULL or 0 if it has none."""
        return self._of_first(_size)

    @property
    def content(self) -> sa.ColumnElement[Any]:
        """The picture of a row as it is stored: a text if its only column is one of texts, else bytes."""
        source, *others = self.sources
        if others or source.skipped or source.kind.is_list:
            return self.as_bytes
        return literal(source.column)

    @property
    def as_bytes(self) -> sa.ColumnElement[bytes]:
        """The same, in any case as bytes."""
        return self._of_first(_content)

    @property
    def number(self) -> sa.ColumnElement[int]:
        """Which of the sources a row has, from 0; NULL if none, or if there is only one that it can have."""
        if len(self.sources) == 1:
            return sa.null()  # type: ignore[return-value]
        return self._of_first(lambda source: sa.literal_column(str(self.sources.index(source))))

    def source(self, number: int | None) -> Field:
        """The column of such a number; the first if there is no picture."""
        return self.sources[number or 0]

    def start(self, length: int) -> sa.ColumnElement[bytes]:
        """So many of the picture's first bytes."""
        return self._of_first(lambda source: _start(source, length))

    def end(self, length: int) -> sa.ColumnElement[bytes]:
        """So many of its last bytes."""
        return self._of_first(lambda source: sa.func.right(raw_bytes(source), length))

    def _of_first(self, value: Callable[[Field], Any]) -> sa.ColumnElement[Any]:
        if len(self.sources) == 1:
            found: sa.ColumnElement[Any] = value(self.sources[0])
            return found
        return sa.case(*((_size(source) > 0, value(source)) for source in self.sources))


def columns_of_pictures(table: sa.Table) -> tuple[PictureColumns, ...]:
    """Those of all fields, the first of the mapping first."""
    return tuple(PictureColumns(table, field) for field in mapping_of(table).pictures)


def picture_piece(source: Field, first: int, length: int) -> sa.ColumnElement[bytes]:
    """Of the picture in one column, `length` bytes from the one of this number on, which begins with 1."""
    return sa.func.substr(raw_bytes(source), source.skipped + first, length, type_=sa.LargeBinary())


def raw_bytes(source: Field) -> sa.ColumnElement[bytes]:
    """A column's own bytes, with what stands before the picture.

    A BLOB is taken as it is, and a text not by a cast: that would copy it once more, hundreds of MB for each part.
    """
    if source.is_bytes:
        return literal(source.column)
    return sa.literal_column(f"CONVERT({quoted(source.column)} USING binary)", sa.LargeBinary())


def _start(source: Field, length: int) -> sa.ColumnElement[bytes]:
    if source.is_bytes:
        return picture_piece(source, 1, length)
    # Characters, of which those of base64 have a byte each.
    return sa.cast(sa.func.left(literal(source.column), length), sa.LargeBinary())


def _size(source: Field) -> sa.ColumnElement[int]:
    size: sa.ColumnElement[int] = sa.func.octet_length(literal(source.column))
    return sa.func.greatest(size - source.skipped, 0, type_=sa.BigInteger()) if source.skipped else size


def _content(source: Field) -> sa.ColumnElement[bytes]:
    if source.skipped:
        return sa.func.substr(literal(source.column), source.skipped + 1, type_=sa.LargeBinary())
    if source.kind is FieldKind.BASE64S:
        return as_bytes(source.column)
    return sa.cast(literal(source.column), sa.LargeBinary())
