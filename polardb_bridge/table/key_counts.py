"""Whether a key tells rows apart that no constraint guards: that of a view or a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.derived import table_of
from polardb_bridge.table.found import FoundTable
from polardb_bridge.table.keys import kind_of, typed_columns
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.text import quoted

# All rows are read for each.
_MAX_CANDIDATES = 4


@dataclass(frozen=True)
class KeyCounts:
    """rows: all there are. distinct: keys, as the server tells them apart. without: rows that have NULL for theirs."""

    rows: int
    distinct: int
    without: int


def count_keys(connection: sa.Connection, table: sa.Table, names: Sequence[str]) -> KeyCounts:
    """Of a key of these columns; counted by the server, which reads all rows for that."""
    columns: list[sa.ColumnElement[Any]] = [sa.literal_column(quoted(name)) for name in names]
    is_none = sa.or_(*(column.is_(None) for column in columns))
    without = sa.func.coalesce(sa.func.sum(sa.case((is_none, 1), else_=0)), 0)
    # Rows with NULL in one of the columns do not count.
    distinct_keys: sa.ColumnElement[int] = sa.literal_column(f"COUNT(DISTINCT {', '.join(map(quoted, names))})")
    counted = sa.select(sa.func.count(), distinct_keys, without)
    rows, distinct, none = connection.execute(counted.select_from(table)).one()
    return KeyCounts(int(rows), int(distinct), int(none))


def check_key(connection: sa.Connection, table: sa.Table) -> None:
    """See that the key of a view or a query tells its rows apart, as it does of a table.

    Raises:
        InvalidInputError: it does not; says how many rows there are, and how many keys.
    """
    mapping = mapping_of(table)
    if mapping.is_guarded:
        return
    counts = count_keys(connection, table, mapping.key_columns)
    if counts.rows != counts.distinct:
        raise InvalidInputError(
            f"{typed_columns(mapping.key_columns)} does not tell the rows of {table.name!r} apart: {counts.rows} rows "
            f"have {counts.distinct} keys, and {counts.without} have NULL. Name other columns, or leave such rows out.",
            field="mapping",
        )


def find_key(connection: sa.Connection, found: FoundTable) -> tuple[str, ...] | None:
    """A column that tells the rows of a view or a query apart now, by its name or its place; None if none was found."""
    fitting = [name for name, column in found.columns.items() if kind_of(column.type)]
    # False before True: what is called so is meant so.
    fitting.sort(key=lambda name: (name != "id", not name.endswith("id")))
    for name in fitting[:_MAX_CANDIDATES]:
        counts = count_keys(connection, table_of(found.name, found.query), [name])
        if counts.rows == counts.distinct:
            return (name,)
    return None
