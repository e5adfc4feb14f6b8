"""Digests of rows by the server: whether two states of a row differ, without reading what it holds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.field_values import shown_columns
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.row_keys import RowKey, only_row_key, row_key, select_keys
from polardb_bridge.table.versions import version_column

DIGEST_LENGTH = 40
# Digests of so many rows in one statement: as many as take about this long, far below the driver's timeout.
_DIGESTS_SECONDS = 2.0
_MIN_DIGESTS, _MAX_DIGESTS = 10, 500


def digest_of_newer(table: sa.Table, after: int | None) -> sa.ColumnElement[Any]:
    if after is None:
        return sa.null()
    if not mapping_of(table).version_kind.is_ordered:
        return sa.null()  # what has changed has another version
    version = version_column(table)
    # Seconds in whole numbers, as `Horizon.is_in_doubt` compares them.
    is_newer = sa.or_(version.is_(None), version <= 0, version >= after + 1)
    return sa.case((is_newer, _digest(table)))


def _digest(table: sa.Table) -> sa.ColumnElement[str]:
    """Of all that a task holds of a row, by the server: the columns' own bytes, whatever their character set.

    By SHA2: newer servers have no SHA1 any more (MySQL 9.7).
    """

    def part(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
        return sa.func.coalesce(sa.func.sha2(column, 256), "NULL")

    whole = sa.func.sha2(sa.func.concat(*map(part, shown_columns(table))), 256)
    return sa.func.left(whole, DIGEST_LENGTH)


def read_digests(connection: sa.Connection, table: sa.Table, ids: Sequence[Key]) -> Iterator[tuple[RowKey, str]]:
    """The rows of these ids, each with a digest of what it holds; only the server reads the images."""
    key = key_of(table)
    query = select_keys(table, _digest(table)).order_by(*key.columns)
    is_guarded = mapping_of(table).is_guarded
    count, start = _MIN_DIGESTS, 0
    while start < len(ids):
        begun = time.monotonic()
        part = ids[start : start + count]
        rows = connection.execute(query.where(key.among(part)))
        if is_guarded:
            found = [(row_key(table, row[:-1]), row[-1]) for row in rows]
        else:
            found = [(only_row_key(table, [*row[:-2], row[-1]]), row[-2]) for row in rows]
        asked = key.as_asked(connection, part, [row.id for row, _ in found])
        yield from ((row._replace(id=asked.get(row.id, row.id)), digest) for row, digest in found)
        start += count
        took = time.monotonic() - begun
        count = min(2 * count, _MAX_DIGESTS) if took < _DIGESTS_SECONDS / 2 else count
        count = max(count // 2, 1) if took > _DIGESTS_SECONDS else count
