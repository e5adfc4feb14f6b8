"""What values of rows look like, for people who choose columns: their starts, whatever their size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from polardb_bridge.characters import escaped, is_seen
from polardb_bridge.errors import RowError
from polardb_bridge.table.columns import BYTES, kinds_for
from polardb_bridge.table.field_values import stored_size, stored_texts, unpacked_texts, values_of
from polardb_bridge.table.fields import Field
from polardb_bridge.table.found import FoundTable
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key, problem_of
from polardb_bridge.table.mapping import TableMapping, mapping_of
from polardb_bridge.table.schema import source_table
from polardb_bridge.table.text import as_bytes

# Of a field of a task, and of a column's first value.
FIELD_CHARACTERS = 200
VALUE_CHARACTERS = 60
# A value up to here is read as a sync reads it; of a larger one, only the start is.
MAX_READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class Excerpt:
    """text: the start of what a task holds; None if the row has nothing there. is_whole: there is no more of it.

    problem: why it cannot be read.
    """

    text: str | None = None
    is_whole: bool = True
    problem: str = ""


def read_excerpts(connection: sa.Connection, table: sa.Table, keys: Iterable[Key]) -> dict[Key, dict[str, Excerpt]]:
    """What the fields of these rows hold beside the picture, by key and name."""
    mapping, key = mapping_of(table), key_of(table)
    asked = [each for each in keys if not problem_of(each)]
    if not asked or not mapping.fields:
        return {}
    # Each by itself: one that cannot be read says nothing of the others.
    single = {
        name: source_table(table.name, replace(mapping, data={name: mapping.data[name]})) for name in mapping.fields
    }
    columns: list[sa.ColumnElement[Any]] = []
    places: dict[str, slice] = {}
    for name, alone in single.items():
        size = stored_size(alone)
        texts = [sa.case((size <= MAX_READ_BYTES, text)) for text in stored_texts(alone)]
        found: list[sa.ColumnElement[Any]] = [size, _start_of(mapping.fields[name]), *texts]
        places[name] = slice(key.width + len(columns), key.width + len(columns) + len(found))
        columns += found
    rows = connection.execute(sa.select(*key.columns, *columns).where(key.among(asked)))
    return {
        key.read(row[: key.width]): {
            name: _excerpt(mapping_of(alone), *_split(row[places[name]])) for name, alone in single.items()
        }
        for row in map(tuple, rows)
    }


def first_values(connection: sa.Connection, found: FoundTable) -> dict[str, str | None]:
    """How the first row's values begin, by column; those of bytes and of types without a text are left out."""
    names = [name for name, column in found.columns.items() if column.type not in BYTES and kinds_for(column.type)]
    if not names:
        return {}
    starts = [as_bytes(name, VALUE_CHARACTERS + 1) for name in names]
    query = sa.select(*starts).select_from(sa.table(found.name)).limit(1)
    row = connection.execute(query.order_by(*(sa.column(name) for name in found.key))).first()
    return {name: None if value is None else _first(value) for name, value in zip(names, row or (), strict=False)}


def _first(value: bytes) -> str:
    text = value.decode(errors="replace")
    return _visible(text[:VALUE_CHARACTERS]) + ("…" if len(text) > VALUE_CHARACTERS else "")


def _start_of(field: Field) -> sa.ColumnElement[bytes]:
    # What is packed, or stands behind a header, has no start that people could read. One character more than is shown
    # tells whether there are more.
    return sa.literal(b"") if field.is_bytes else as_bytes(field.column, FIELD_CHARACTERS + 1)


def _split(values: Sequence[Any]) -> tuple[int, bytes | None, list[bytes | None]]:
    size, start, *texts = values
    return size, start, texts


def _excerpt(mapping: TableMapping, size: int, start: bytes | None, texts: Sequence[bytes | None]) -> Excerpt:
    if size > MAX_READ_BYTES:
        # Bytes may be cut within a character.
        return Excerpt(_visible((start or b"").decode(errors="ignore")[:FIELD_CHARACTERS]), is_whole=False)
    try:
        found = [*values_of(mapping, unpacked_texts(mapping, texts)).values()]
    except RowError as error:
        return Excerpt(problem=str(error))
    if not found:
        return Excerpt()
    [(_, value)] = found
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Excerpt(_visible(text[:FIELD_CHARACTERS]), is_whole=len(text) <= FIELD_CHARACTERS)


def _visible(text: str) -> str:
    """With escapes for what nobody sees, but for the breaks of lines."""
    return escaped(text, lambda character: character in "\n\t" or is_seen(character))
