"""The version of a row: its `updated_at`, or what stands for it, as a number."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key

_MICROSECONDS = 1_000_000


def version_column(table: sa.Table) -> sa.ColumnElement[Any]:
    """What `as_version` takes; the same whatever the session's time zone is. NULL if the table has no such column."""
    if "updated_at" not in table.c:
        return sa.null()
    return sa.func.unix_timestamp(table.c.updated_at)


def as_version(time: int | Decimal | None) -> int:
    """In whole seconds since 1970, or in microseconds if the column has fractions; 0 if there is no such time."""
    # NULL, a zero date and what is older than 1970 come as NULL, 0 or less.
    return time if isinstance(time, int) and time > 0 else max(0, int((time or 0) * _MICROSECONDS))


def read_versions(
    connection: sa.Connection, table: sa.Table, ids: Sequence[Key], *, lock: bool = False
) -> dict[Key, int]:
    """The versions of the rows of these ids; missing ones are left out.

    lock: nobody else changes the rows until the transaction ends.
    """
    key = key_of(table)
    query = sa.select(*key.columns, version_column(table)).where(key.among(ids))
    query = query.with_for_update() if lock else query
    found = {key.read(values): as_version(time) for *values, time in connection.execute(query)}
    asked = key.as_asked(connection, ids, list(found))
    return {asked.get(row_id, row_id): version for row_id, version in found.items()}
