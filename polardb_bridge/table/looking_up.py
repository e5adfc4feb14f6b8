"""How many rows the server reads to find one by its key: each write and each picture waits for that."""

from __future__ import annotations

import sqlalchemy as sa

from polardb_bridge.table.columns import TableWarning
from polardb_bridge.table.derived import from_sql
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key

MAX_READ_ROWS = 1000


def slow_look_ups(connection: sa.Connection, table: sa.Table, row_id: Key) -> list[TableWarning]:
    """A warning if the server would read more than MAX_READ_ROWS rows to find this one."""
    rows = _read_rows(connection, table, row_id)
    if rows <= MAX_READ_ROWS:
        return []
    return [
        TableWarning(
            f"To find one row by its key, the server reads about {rows:,} rows: each result and each picture waits for "
            "that. An index over the key, or the columns that it is made of, helps."
        )
    ]


def _read_rows(connection: sa.Connection, table: sa.Table, row_id: Key) -> int:
    """As the server estimates them."""
    key = key_of(table)
    where = key.among_sql(connection, 1)
    # In columns, whatever the server's own format is: MySQL's from 9.7 on is a tree.
    explain = f"EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM {from_sql(connection, table)}"  # noqa: S608  # checked and quoted
    statement = f"{explain} WHERE {where}"
    plan = connection.exec_driver_sql(statement, tuple(key.bound([row_id]))).mappings()
    return max((int(step.get("rows") or 0) for step in plan), default=0)
