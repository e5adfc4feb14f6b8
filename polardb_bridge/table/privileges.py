"""Whether an account may do what a storage needs, found out without changing a row."""

from __future__ import annotations

import sqlalchemy as sa


def check_select(connection: sa.Connection, table: sa.Table) -> None:
    """Raise what the server raises if the account may not read all columns of the table."""
    connection.execute(sa.select(table).where(sa.false()))


def check_update(connection: sa.Connection, table: sa.Table) -> None:
    """Raise what the server raises if the account may not write the result columns."""
    columns = ("annotation_data", "annotation_count", "annotation_uid", "annotation_create_at", "annotation_update_at")
    connection.execute(
        sa.update(table)
        .where(sa.false())
        .values({name: table.c[name] for name in columns} | {"updated_at": table.c.updated_at})
    )
