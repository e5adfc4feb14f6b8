"""How large a source table is."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.table.filtering import with_filter
from polardb_bridge.table.mapping import mapping_of

# From here on, counting takes longer than a person wants to wait; the server's own estimate is instant.
MAX_COUNTED_ROWS = 500_000


@dataclass(frozen=True)
class TableSize:
    """How large a table is. bytes: of the data on disk, as the server estimates it."""

    rows: int
    rows_are_estimated: bool
    bytes: int


def read_table_size(connection: sa.Connection, table: sa.Table) -> TableSize:
    """The table's size: rows are counted in small tables and estimated in large ones.

    Of views and queries no server knows it: of many rows, MAX_COUNTED_ROWS are counted.
    """
    mapping = mapping_of(table)
    if not mapping.is_guarded:
        some = with_filter(sa.select(sa.literal_column("1").label("one")).select_from(table), table)
        rows = connection.scalar(sa.select(sa.func.count()).select_from(some.limit(MAX_COUNTED_ROWS).subquery())) or 0
        return TableSize(rows, rows == MAX_COUNTED_ROWS, 0)
    estimated = estimate_table_size(connection, table)
    if estimated.rows > MAX_COUNTED_ROWS:
        return estimated
    return TableSize(count_rows(connection, table), False, estimated.bytes)


def estimate_table_size(connection: sa.Connection, table: sa.Table) -> TableSize:
    """The table's size by the server's statistics, over all of its partitions; instant. Not of a view or a query."""
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
    """How many rows of the table can become tasks; reads its whole index."""
    return connection.scalar(with_filter(sa.select(sa.func.count()).select_from(table), table)) or 0
