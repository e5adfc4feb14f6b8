"""The version of a row as a number: a time of it, or a hash of what changes with it.

Times are ordered by the server's clock. All else is compared for being different: NULL, '' and zero dates are values as
others are.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import VersionKind
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import TableMapping, mapping_of
from polardb_bridge.table.text import quoted

_MICROSECONDS = 1_000_000
# Of a hash: addresses of pictures have room for 18 digits.
_HEXADECIMAL_DIGITS = 14
_OF_NULL, _OF_EVERY_ROW = 1, 1


def version_column(table: sa.Table) -> sa.ColumnElement[Any]:
    """What `as_version` takes; the same whatever the session's time zone is. NULL where a digest tells."""
    if "updated_at" in table.c:
        return sa.func.unix_timestamp(table.c.updated_at)
    mapping = mapping_of(table)
    if mapping.version_kind is VersionKind.DIGEST:
        return sa.null()
    version: sa.ColumnElement[Any] = sa.literal_column(version_sql(mapping))
    return version


def version_sql(mapping: TableMapping) -> str:
    """The same as SQL, for statements that are sent as they are."""
    match mapping.version_kind:
        case VersionKind.TIME:
            return f"UNIX_TIMESTAMP({quoted(mapping.version or '')})"
        case VersionKind.VALUE:
            return _hash(quoted(mapping.version or ""))
        case VersionKind.SQL:
            return _hash(f"({mapping.version})")
        case VersionKind.NONE:
            return str(_OF_EVERY_ROW)
    return "NULL"


def _hash(value: str) -> str:
    number = f"CAST(CONV(LEFT(SHA2({value}, 256), {_HEXADECIMAL_DIGITS}), 16, 10) AS UNSIGNED)"
    # Around all of it, too: servers make a decimal of two integers of which one has a sign.
    return f"CAST(COALESCE({number} + {_OF_NULL + 1}, {_OF_NULL}) AS UNSIGNED)"


def as_version(time: int | Decimal | None) -> int:
    """In whole seconds since 1970, or in microseconds if the column has fractions; 0 if there is no such time.

    Of what is no time: its hash, which is never 0.
    """
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
