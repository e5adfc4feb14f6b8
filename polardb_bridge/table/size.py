"""How large a source table is."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

# From here on, counting takes longer than a person wants to wait; the server's own estimate is instant.
MAX_COUNTED_ROWS = 500_000


@dataclass(frozen=True)
class TableSize:
    """How large a table is. bytes: of the data on disk, as the server estimates it."""

    rows: int
    rows_are_estimated: bool
    bytes: int


def read_table_size(connection: sa.Connection, table: sa.Table) -> TableSize:
    """The table's size: rows are counted in small tables and estimated in large ones."""
    estimated = estimate_table_size(connection, table)
    if estimated.rows > MAX_COUNTED_ROWS:
        return estimated
    return TableSize(count_rows(connection, table), False, estimated.bytes)


def estimate_table_size(connection: sa.Connection, table: sa.Table) -> TableSize:
    """The table's size by the server's statistics; instant."""
    dialect = connection.dialect
    if not getattr(dialect, "is_mariadb", False) and (dialect.server_version_info or ()) >= (8,):
        # It answers with statistics of up to a day ago otherwise.
        connection.exec_driver_sql("SET SESSION information_schema_stats_expiry = 0")
    rows, data_bytes = connection.execute(
        sa.text(
            "SELECT TABLE_ROWS, DATA_LENGTH FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :name"
        ),
        {"name": table.name},
    ).one()
    return TableSize(rows or 0, True, data_bytes or 0)


def count_rows(connection: sa.Connection, table: sa.Table) -> int:
    """How many rows the table has; reads its whole index."""
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
