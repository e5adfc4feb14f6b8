"""Which rows of a source table become tasks: those that meet the condition that somebody has written."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import VersionKind
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.sql import said_of


def with_filter(query: sa.Select[Any], table: sa.Table) -> sa.Select[Any]:
    """Of the rows that `query` selects from `table`, those that meet the filter."""
    condition = _condition(table)
    return query if condition is None else query.where(condition)


def is_outside(table: sa.Table) -> sa.ColumnElement[int]:
    """1 for rows that do not meet the filter, 0 for others."""
    condition = _condition(table)
    if condition is None:
        return sa.literal_column("0")
    return sa.case((condition, sa.literal_column("0")), else_=sa.literal_column("1"))


def _condition(table: sa.Table) -> sa.ColumnElement[bool] | None:
    # As text: whoever wrote it means the server's own functions and precedences.
    text = mapping_of(table).filter
    return sa.literal_column(f"({text})", sa.Boolean()) if text else None


def check_sql(connection: sa.Connection, table: sa.Table) -> None:
    """Have the server read the filter and the version of a mapping, and no row.

    Raises:
        InvalidInputError: it does not take them.
    """
    mapping = mapping_of(table)
    nothing: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table).limit(0)
    if mapping.filter:
        with said_of("filter"):
            connection.execute(with_filter(nothing, table)).close()
    if mapping.version_kind is VersionKind.SQL:
        with said_of("version"):
            connection.execute(nothing.add_columns(sa.literal_column(f"({mapping.version})"))).close()
