"""What tasks hold of a row beside its picture: read as the server's own text, and checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import RowError
from polardb_bridge.table.fields import ADDRESS, UTC, Field, columns_of
from polardb_bridge.table.json_values import UnusableJsonError, parse_json
from polardb_bridge.table.lists import items_of
from polardb_bridge.table.mapping import TableMapping, mapping_of
from polardb_bridge.table.text import as_bytes, literal, shown
from polardb_bridge.table.unpacking import UnpackedTooLargeError, unpack

# Of all fields of a row together, as the server holds them, and once they are unpacked. A task takes several times as
# much memory while it is made and shown.
MAX_FIELDS_BYTES = 16 * 1024 * 1024
# JavaScript's numbers are exact up to here.
_MAX_EXACT = 2**53
_SHOWN_CHARACTERS = 60

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_NO_TIME = "0000-00-00"


class FoundValue(NamedTuple):
    """What a row holds of a field. place: of its source among all that the field has."""

    place: int
    value: Any


def column_names(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """The columns that fields and pictures come from."""
    return [literal(name) for name in columns_of(mapping_of(table).data)]


def shown_columns(table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """All that a task holds of a row but its key, in an order that stays: digests of it are kept."""
    mapping = mapping_of(table)
    name = [table.c.original_name] if "original_name" in table.c else []
    return [
        *(literal(source.column) for source in mapping.picture_columns),
        *name,
        *(literal(column) for column in columns_of(mapping.fields)),
    ]


def stored_size(table: sa.Table) -> sa.ColumnElement[int]:
    """The bytes of all fields of a row together."""
    sizes = [sa.func.coalesce(sa.func.octet_length(literal(source.column)), 0) for source in _sources(table)]
    total: sa.ColumnElement[int] = sa.literal_column("0")
    for size in sizes:
        total = total + size
    return total


def stored_texts(table: sa.Table) -> list[sa.ColumnElement[bytes]]:
    """What each source of the fields is made of: text in UTF-8, or packed as it is."""
    return [
        sa.func.substr(literal(source.column), source.skipped + 1, type_=sa.LargeBinary())
        if source.skipped
        else as_bytes(source.column)
        for source in _sources(table)
    ]


def unpacked_texts(mapping: TableMapping, texts: Sequence[bytes | None]) -> list[bytes | None]:
    """What `stored_texts` gave, unpacked.

    Raises:
        RowError: it is damaged, or more than a task can hold.
    """
    left = MAX_FIELDS_BYTES
    unpacked: list[bytes | None] = []
    for source, text in zip(sources_of(mapping), texts, strict=True):
        if text is not None and source.packing:
            try:
                text = unpack(source, text, left)
            except UnpackedTooLargeError:
                raise RowError(
                    f"{_columns(mapping)}: more than {MAX_FIELDS_BYTES:,} bytes once they are unpacked, and no more "
                    "fit into a task"
                ) from None
        left -= len(text or b"")
        unpacked.append(text)
    check_size(mapping, MAX_FIELDS_BYTES - left)
    return unpacked


def values_of(mapping: TableMapping, texts: Sequence[bytes | None]) -> dict[str, FoundValue]:
    """What a task holds, by field, from what `unpacked_texts` gave; what the row lacks is left out.

    Of the sources of a field, the first that is neither NULL nor empty counts.

    Raises:
        RowError: a text is none, or no value of its kind.
    """
    given = iter(texts)
    found: dict[str, FoundValue] = {}
    for name, field in mapping.fields.items():
        for source in field.sources:
            text = next(given)
            if text is None or (name in found and found[name].value != ""):
                continue
            value = _value(source, text)
            if value is not None and (value != "" or name not in found):
                place = mapping.data[name].sources.index(source)
                found[name] = FoundValue(place, value)
    return found


def empty_values(mapping: TableMapping) -> dict[str, Any]:
    """What a task holds, by field, of a row that lacks all; the fields of pictures have a rule of their own."""
    return {name: _empty(field.kind) for name, field in mapping.fields.items() if name not in mapping.pictures}


def _empty(kind: FieldKind) -> Any:
    if kind.is_list:
        return []
    return None if kind in (FieldKind.NUMBER, FieldKind.JSON) else ""


def check_size(mapping: TableMapping, size: int) -> None:
    """Raise RowError if the fields of a row take more than a task can hold."""
    if size > MAX_FIELDS_BYTES:
        raise RowError(f"{_columns(mapping)}: {size:,} bytes, and {MAX_FIELDS_BYTES:,} fit into a task")


def _columns(mapping: TableMapping) -> str:
    return ", ".join(columns_of(mapping.fields))


def nothing_to_label(mapping: TableMapping) -> RowError:
    """Of a row that lacks all that its task would show."""
    pictures = [source.column for source in mapping.picture_columns]
    columns = ", ".join(dict.fromkeys([*pictures, *columns_of(mapping.fields)]))
    return RowError(f"there is nothing to label in {columns}")


def sources_of(mapping: TableMapping) -> list[Field]:
    """Of all fields, as `stored_texts` has them."""
    return [source for field in mapping.fields.values() for source in field.sources]


def _sources(table: sa.Table) -> list[Field]:
    return sources_of(mapping_of(table))


def _value(field: Field, stored: bytes) -> Any:
    """The value, or None if this is no more than an empty place."""
    if field.kind is FieldKind.JSON:
        try:
            return parse_json(stored)
        except UnusableJsonError as error:
            raise RowError(f"{field.column} {error}") from None
    if field.kind is FieldKind.URLS:
        items = enumerate(items_of(field.column, stored), start=1)
        return [_address(field, f"{field.column}, item {number},", item.strip()) for number, item in items] or None
    try:
        text = stored.decode()
    except UnicodeDecodeError as error:
        raise RowError(f"{field.column} is not valid text: byte {error.start + 1} is not UTF-8") from None
    if field.kind is FieldKind.URL:
        return _address(field, field.column, text.strip(" "))
    if field.kind is FieldKind.NUMBER:
        return _number(text)
    if field.kind is FieldKind.DATETIME:
        return _time(field, text)
    if "\x00" in text:
        raise RowError(f"{field.column} has a NUL character")
    return text


def _address(field: Field, name: str, text: str) -> str | None:
    """An address that the editor, or another storage of the project, may resolve. name: what errors call it."""
    if not text:
        return None
    if _CONTROL.search(text):
        raise RowError(f"{name} has a control character, and addresses have none: {_excerpt(text)}")
    if text.startswith("//"):
        text = f"https:{text}"
    scheme = _SCHEME.match(text)
    if not scheme:
        if not field.detail:
            raise RowError(
                f"{name} is no whole address: {_excerpt(text)}. Say what stands before it, as in "
                f"{field.column}:{field.kind}(https://shop.example.com/media)"
            )
        return f"{field.detail.rstrip('/')}/{text.lstrip('/')}"
    if scheme[1].lower() not in ("http", "https", "s3", "gs"):
        raise RowError(f"{name} is not an address of http, https, s3 or gs: {_excerpt(text)}")
    if not ADDRESS.match(text):
        raise RowError(f"{name} is an address without a host: {_excerpt(text)}")
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
