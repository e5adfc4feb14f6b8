"""The pictures of rows as statements read them: from the column that the mapping names, or the first that has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.table.fields import Field
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.text import as_bytes, literal


@dataclass(frozen=True)
class StoredPicture:
    """What a row holds of a picture, without what stands before it. data: None if it is NULL, or was not read.

    source: the column. size: in bytes; 0 if it is NULL.
    """

    source: Field
    data: str | bytes | None
    size: int


def picture_size(table: sa.Table) -> sa.ColumnElement[int]:
    """The bytes of a row's picture as it is stored; NULL or 0 if it has none."""
    sizes = [_size(source) for source in mapping_of(table).pictures]
    return sizes[0] if len(sizes) == 1 else _of_first(table, sizes)


def picture_content(table: sa.Table) -> sa.ColumnElement[Any]:
    """The picture of a row as it is stored: a text if its only column is one of texts, else bytes."""
    sources = mapping_of(table).pictures
    if len(sources) == 1 and not sources[0].skipped and not sources[0].kind.is_list:
        return table.c.base64_data
    return picture_bytes(table)


def picture_bytes(table: sa.Table) -> sa.ColumnElement[bytes]:
    """The same, in any case as bytes."""
    contents = [_content(source) for source in mapping_of(table).pictures]
    return contents[0] if len(contents) == 1 else _of_first(table, contents)


def picture_piece(source: Field, first: int, length: int) -> sa.ColumnElement[bytes]:
    """Of the picture in one column, `length` bytes from the one of this number on, which begins with 1."""
    content = sa.cast(literal(source.column), sa.LargeBinary())
    return sa.func.substr(content, source.skipped + first, length, type_=sa.LargeBinary())


def picture_number(table: sa.Table) -> sa.ColumnElement[int]:
    """Which of the mapping's pictures a row has, from 0; NULL if none, or if there is only one that it can have."""
    if len(mapping_of(table).pictures) == 1:
        return sa.null()  # type: ignore[return-value]
    return _of_first(table, [sa.literal_column(str(number)) for number in range(len(mapping_of(table).pictures))])


def picture_source(table: sa.Table, number: int | None) -> Field:
    """The column of a `picture_number`; the first if there is no picture."""
    return mapping_of(table).pictures[number or 0]


def _of_first(table: sa.Table, values: list[Any]) -> sa.ColumnElement[Any]:
    sources = mapping_of(table).pictures
    return sa.case(*((_size(source) > 0, value) for source, value in zip(sources, values, strict=True)))


def _size(source: Field) -> sa.ColumnElement[int]:
    size: sa.ColumnElement[int] = sa.func.octet_length(literal(source.column))
    return sa.func.greatest(size - source.skipped, 0, type_=sa.BigInteger()) if source.skipped else size


def _content(source: Field) -> sa.ColumnElement[bytes]:
    if source.skipped:
        return sa.func.substr(literal(source.column), source.skipped + 1, type_=sa.LargeBinary())
    if source.kind is FieldKind.BASE64S:
        return as_bytes(source.column)
    return sa.cast(literal(source.column), sa.LargeBinary())
