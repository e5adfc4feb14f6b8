"""What tasks hold of a row beside its picture: read as the server's own text, and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import RowError
from polardb_bridge.table.fields import ADDRESS, UTC, Field, columns_of
from polardb_bridge.table.json_values import UnusableJsonError, parse_json
from polardb_bridge.table.mapping import TableMapping, mapping_of
from polardb_bridge.table.text import quoted, shown

# Of all fields of a row together, as the server holds them. A task takes several times as much memory while it is made
# and shown.
MAX_FIELDS_BYTES = 16 * 1024 * 1024
# JavaScript's numbers are exact up to here.
_MAX_EXACT = 2**53
_SHOWN_CHARACTERS = 60

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_NO_TIME = "0000-00-00"


def column_names(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """The columns that fields come from."""
    return [_column(name) for name in columns_of(mapping_of(table).fields)]


def stored_size(table: sa.Table) -> sa.ColumnElement[int]:
    """The bytes of all fields of a row together."""
    sizes = [sa.func.coalesce(sa.func.octet_length(_column(field.column)), 0) for field in _fields(table)]
    total: sa.ColumnElement[int] = sa.literal_column("0")
    for size in sizes:
        total = total + size
    return total


def stored_texts(table: sa.Table) -> list[sa.ColumnElement[bytes]]:
    """What each field is made of: text in UTF-8."""
    return [_text(field.column) for field in _fields(table)]


def values_of(mapping: TableMapping, texts: Sequence[bytes | None]) -> dict[str, Any]:
    """What a task holds, by field, from what `stored_texts` gave; what the row lacks is left out.

    Raises:
        RowError: a text is none, or no value of its kind.
    """
    pairs = zip(mapping.fields.items(), texts, strict=True)
    values = {name: _value(field, text) for (name, field), text in pairs if text is not None}
    return {name: value for name, value in values.items() if value is not None}


def empty_values(mapping: TableMapping) -> dict[str, Any]:
    """What a task holds, by field, of a row that lacks all."""
    return {
        name: None if field.kind in (FieldKind.NUMBER, FieldKind.JSON) else "" for name, field in mapping.fields.items()
    }


def check_size(mapping: TableMapping, size: int) -> None:
    """Raise RowError if the fields of a row take more than a task can hold."""
    if size > MAX_FIELDS_BYTES:
        columns = ", ".join(columns_of(mapping.fields))
        raise RowError(f"{columns}: {size:,} bytes, and {MAX_FIELDS_BYTES:,} fit into a task")


def nothing_to_label(mapping: TableMapping) -> RowError:
    """Of a row that lacks all that its task would show."""
    picture = [mapping.picture.column] if mapping.picture else []
    columns = ", ".join([*picture, *columns_of(mapping.fields)])
    return RowError(f"there is nothing to label in {columns}")


def _fields(table: sa.Table) -> list[Field]:
    return list(mapping_of(table).fields.values())


def _column(name: str) -> sa.ColumnElement[Any]:
    # Not of the table: another part of the mapping may have the same column.
    return sa.literal_column(quoted(name))


def _text(name: str) -> sa.ColumnElement[bytes]:
    """As bytes: the driver would refuse a whole page for one row that it cannot decode (table/text.py).

    Bytes that hold a text stay as they are: converting would put something else, or NULL, for what is not valid.
    """
    column = quoted(name)
    converted: sa.ColumnElement[str] = sa.literal_column(f"CONVERT({column} USING utf8mb4)")
    return sa.case(
        (sa.func.charset(_column(name)) == "binary", sa.cast(_column(name), sa.LargeBinary())),
        else_=sa.cast(converted, sa.LargeBinary()),
    )


def _value(field: Field, stored: bytes) -> Any:
    """The value, or None if this is no more than an empty place."""
    if field.kind is FieldKind.JSON:
        try:
            return parse_json(stored)
        except UnusableJsonError as error:
            raise RowError(f"{field.column} {error}") from None
    try:
        text = stored.decode()
    except UnicodeDecodeError as error:
        raise RowError(f"{field.column} is not valid text: byte {error.start + 1} is not UTF-8") from None
    if field.kind is FieldKind.URL:
        return _address(field, text.strip(" "))
    if field.kind is FieldKind.NUMBER:
        return _number(text)
    if field.kind is FieldKind.DATETIME:
        return _time(field, text)
    if "\x00" in text:
        raise RowError(f"{field.column} has a NUL character")
    return text


def _address(field: Field, text: str) -> str | None:
    """An address that the editor, or another storage of the project, may resolve."""
    if not text:
        return None
    if _CONTROL.search(text):
        raise RowError(f"{field.column} has a control character, and addresses have none: {_excerpt(text)}")
    if text.startswith("//"):
        text = f"https:{text}"
    scheme = _SCHEME.match(text)
    if not scheme:
        if not field.detail:
            raise RowError(
                f"{field.column} is no whole address: {_excerpt(text)}. Say what stands before it, as in "
                f"{field.column}:url(https://shop.example.com/media)"
            )
        return f"{field.detail.rstrip('/')}/{text.lstrip('/')}"
    if scheme[1].lower() not in ("http", "https", "s3", "gs"):
        raise RowError(f"{field.column} is not an address of http, https, s3 or gs: {_excerpt(text)}")
    if not ADDRESS.match(text):
        raise RowError(f"{field.column} is an address without a host: {_excerpt(text)}")
    return text


def _number(text: str) -> int | float | str:
    """A number if browsers show it as it is; else its digits."""
    if re.fullmatch(r"-?[0-9]+", text):
        whole = int(text)
        return whole if abs(whole) <= _MAX_EXACT else str(whole)
    value = float(text)
    return value if Decimal(repr(value)) == Decimal(text) else text


def _time(field: Field, text: str) -> str | None:
    """ISO 8601; with Z if the column has a time zone."""
    if text.startswith(_NO_TIME):
        return None
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        raise RowError(f"{field.column} is no time: {_excerpt(text)}") from None
    day, _, hours = text.partition(" ")
    zone = "Z" if field.detail == UTC else ""
    return f"{day}T{hours}{zone}" if hours else day


def _excerpt(text: str) -> str:
    return shown(text[:_SHOWN_CHARACTERS])
