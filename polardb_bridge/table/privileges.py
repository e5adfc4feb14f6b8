"""Whether an account may do what a storage needs, found out without changing a row."""

from __future__ import annotations

import sqlalchemy as sa

from polardb_bridge.table.field_values import column_names
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.text import identifier, unchanged


def check_select(connection: sa.Connection, table: sa.Table) -> None:
    """Raise what the server raises if the account may not read all columns of the table."""
    connection.execute(sa.select(table, *column_names(table)).where(sa.false()))


def check_update(connection: sa.Connection, table: sa.Table) -> None:
    """Raise what the server raises if the account may not write the result columns."""
    mapping = mapping_of(table)
    kept = ", ".join(unchanged(connection, [*mapping.results.values(), *mapping.kept]))
    connection.exec_driver_sql(f"UPDATE {identifier(connection, table.name)} SET {kept} WHERE 1 = 0")  # noqa: S608
