"""Whether an account may do what a storage needs, found out without changing a row."""

from __future__ import annotations

import sqlalchemy as sa

from polardb_bridge.errors import BridgeError, DisconnectedError, LockedError, ReconfigureError, ServerDownError
from polardb_bridge.table.driver_errors import translated_errors
from polardb_bridge.table.field_values import column_names
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.text import identifier, unchanged


def check_select(connection: sa.Connection, table: sa.Table) -> None:
    """Raise what the server raises if the account may not read all columns of the table."""
    connection.execute(sa.select(table, *column_names(table)).where(sa.false()))


def check_update(connection: sa.Connection, table: sa.Table, parameters: ConnectionParameters) -> None:
    """See that the account may write the result columns, and that the table can be written at all.

    Raises:
        ReconfigureError: it may not, or a view or a read-only server takes no UPDATE.
    """
    mapping = mapping_of(table)
    kept = ", ".join(unchanged(connection, [*mapping.results.values(), *mapping.kept]))
    try:
        with translated_errors(parameters):
            connection.exec_driver_sql(f"UPDATE {identifier(connection, table.name)} SET {kept} WHERE 1 = 0")  # noqa: S608
    except (DisconnectedError, ServerDownError, LockedError):
        raise
    except BridgeError as error:
        raise not_writable(table.name, str(error).rstrip("."), error.field) from None


def not_writable(table: str, reason: str, field: str | None = None) -> ReconfigureError:
    """Why results cannot go into the rows of a table, and where they can."""
    return ReconfigureError(
        f"Results cannot be written into the rows of {table!r}: {reason}. They can go into a table of their own: make "
        "one by create_tables --results, and name it as the result table (--result-table, result_table).",
        field=field or "table",
    )
