"""The keys of a source table's rows: in keyset pages, or looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from polardb_bridge.table.filtering import is_outside, with_filter
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import MAX_INTEGER_KEY, Key, is_text, problem_of
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.names import name_column, name_or_key, name_problem
from polardb_bridge.table.stored import holds_result
from polardb_bridge.table.versions import as_version, version_column

KEYS_BATCH_SIZE = 10_000
_LOOKUP_BATCH_SIZE = 1000


class RowKey(NamedTuple):
    """Which row, and its name.

    id: its key (table/keys.py). version: as `versions.as_version`. is_annotated: it holds a result. problem: why it
    cannot be a task, if so. is_outside: it does not meet the filter; of `read_keys` only.
    """

    id: Key
    original_name: str
    version: int
    is_annotated: bool = False
    problem: str = ""
    is_outside: bool = False


@dataclass(frozen=True)
class KeyRange:
    """Keys that come after `after`, up to and including `until`, by the order of the table; unbounded if None.

    until: of integers only. skip: leave out so many rows behind `after`, whose keys cannot be asked for.
    """

    after: Key | None = None
    until: int | None = None
    skip: int = 0


ALL_KEYS = KeyRange()


def read_key_page(
    connection: sa.Connection, table: sa.Table, within: KeyRange = ALL_KEYS, with_results: bool = False
) -> list[RowKey]:
    """The keys of the first rows of a range in their order, a page at most; the heavy column is not touched.

    Left out are rows that do not meet the filter, and those without key.

    with_results: find out which rows hold a result, too.
    """
    key = key_of(table)
    query = select_keys(table, *([holds_result(table)] if with_results else []))
    query = with_filter(query, table).order_by(*key.columns).limit(KEYS_BATCH_SIZE)
    if within.skip:
        query = query.offset(within.skip)
    if within.after is not None:
        query = query.where(key.after(within.after))
    if within.until is not None:
        query = query.where(key.columns[0] <= within.until)
    read = row_key if mapping_of(table).is_guarded else only_row_key
    return [read(table, row) for row in connection.execute(query)]


def behind(within: KeyRange, page: Sequence[RowKey]) -> KeyRange:
    """The range behind a page of `within` that is not empty."""
    for number, row in enumerate(reversed(page)):
        if is_text(row.id):
            return KeyRange(row.id, within.until, skip=number)
    return KeyRange(within.after, within.until, within.skip + len(page))


def read_keys(connection: sa.Connection, table: sa.Table, ids: Sequence[Key]) -> dict[Key, RowKey]:
    """The keys of the rows of these ids, as they are spelled now, by id; missing ones are left out.

    Rows that do not meet the filter are among them, and say so.
    """
    read = row_key if mapping_of(table).is_guarded else only_row_key
    found: dict[Key, RowKey] = {}
    for start in range(0, len(ids), _LOOKUP_BATCH_SIZE):
        part = ids[start : start + _LOOKUP_BATCH_SIZE]
        query = select_keys(table, is_outside(table)).where(key_of(table).among(part))
        rows = [_with_place(read(table, row)) for row in connection.execute(query)]
        asked = key_of(table).as_asked(connection, part, [row.id for row in rows])
        found |= {asked.get(row.id, row.id): row for row in rows}
    return found


def _with_place(key: RowKey) -> RowKey:
    """Of `is_outside`, which was read where a page has whether the row holds a result."""
    return key._replace(is_annotated=False, is_outside=True) if key.is_annotated else key


def key_columns(table: sa.Table) -> list[Any]:
    """What `row_key` takes, of one row."""
    return [*key_of(table).columns, name_column(table), version_column(table)]


def select_keys(table: sa.Table, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The keys of rows, and `more` of each.

    Where no constraint guards the key, one row for all that have the same, as the server says, with their number at the
    end; and none for NULL.
    """
    if mapping_of(table).is_guarded:
        return sa.select(*key_columns(table), *more)
    keys = key_of(table).columns
    others = [*key_columns(table)[len(keys) :], *more]
    query = sa.select(*keys, *map(sa.func.min, others), sa.func.count()).select_from(table)
    return query.where(*(column.is_not(None) for column in keys)).group_by(*keys)


def row_key(table: sa.Table, row: Sequence[Any]) -> RowKey:
    """Of `key_columns`, and what the caller has asked for beside: one thing that is so of a row, or not."""
    width = key_of(table).width
    row_id, (name, time, *rest) = key_of(table).read(row[:width]), row[width:]
    version, flag = as_version(time), bool(rest and rest[0])
    name = name_or_key(table, name, row_id)
    try:
        text = name.decode()  # type: ignore[union-attr]
    except (AttributeError, UnicodeDecodeError):
        text = "\x00"
    if "\x00" in text or problem_of(row_id):
        text = (name or b"").decode(errors="backslashreplace")
        return RowKey(row_id, text, version, flag, mapping_of(table).named(problem_of(row_id) or name_problem(name)))
    return RowKey(row_id, text, version, flag)


def only_row_key(table: sa.Table, row: Sequence[Any]) -> RowKey:
    """The same, of `select_keys` where no constraint guards the key."""
    *values, count = row
    return if_alone(row_key(table, values), count)


def if_alone(key: RowKey, count: int) -> RowKey:
    """A key that so many rows have: of several, a task would show now the one and now the other."""
    problem = f"{count} rows have this key, and a task is made of one"
    return key if count == 1 else key._replace(problem=problem)


def count_without_key(connection: sa.Connection, table: sa.Table) -> int:
    """How many rows that meet the filter have NULL for their key; 0 if the server sees to it that none has."""
    if mapping_of(table).is_guarded:
        return 0
    is_none = sa.or_(*(column.is_(None) for column in key_of(table).columns))
    query = sa.select(sa.func.count()).select_from(table).where(is_none)
    return connection.scalar(with_filter(query, table)) or 0


def cut_into_ranges(connection: sa.Connection, table: sa.Table, rows: int) -> list[KeyRange]:
    """Ranges of integer keys with `rows` rows each, the last with what is left; together they cover all keys."""
    query = with_filter(sa.select(table.c.id), table).order_by(table.c.id).offset(rows - 1).limit(1)
    ranges: list[KeyRange] = []
    after: int | None = None
    while True:
        last = connection.scalar(query if after is None else query.where(table.c.id > after))
        if last is None or last > MAX_INTEGER_KEY:
            return [*ranges, KeyRange(after, None)]
        ranges.append(KeyRange(after, last))
        after = last
