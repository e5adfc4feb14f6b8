"""The two tables, as PolarDB for AI documents them: definition, creation and validation."""

from __future__ import annotations

import re

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.type_api import TypeEngine

from polardb_bridge.errors import InvalidInputError, ReconfigureError

TEMPLATE_TABLE = "annotation_template"

# MySQL allows more when quoted; these never need escaping in any tool that people use beside this one.
_TABLE_NAME = re.compile(r"[0-9A-Za-z_$\-\u0080-\uffff]{1,64}")

_ON_UPDATE_NOW = sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")
_NOW = sa.text("CURRENT_TIMESTAMP")
# What an account without any privilege on a table is told, whether or not there is such a table.
_SHOW_DENIED = 1142


def check_table_name(name: str) -> str:
    """Return `name` if it can be a table's name here.

    Raises:
        InvalidInputError: it is empty, too long, or has characters other than letters, digits, `_`, `$`, `-`.
    """
    if not _TABLE_NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} cannot be a table's name: use 1 to 64 letters, digits, '_', '$' or '-'.", field="table"
        )
    return name


def template_table() -> sa.Table:
    """`annotation_template`: one row a labeling template; `tp_schema` is JSON such as {"type": …, "labels": […]}."""
    return sa.Table(
        TEMPLATE_TABLE,
        sa.MetaData(),
        sa.Column("id", mysql.INTEGER(11), primary_key=True, autoincrement=True),
        sa.Column("tp_name", sa.String(255), nullable=False, unique=True),
        sa.Column("tp_description", sa.Text()),
        sa.Column("tp_schema", mysql.JSON(), nullable=False),
        sa.Column("tp_is_active", mysql.TINYINT(1), server_default="1"),
        mysql_default_charset="utf8mb4",
    )


def source_table(name: str) -> sa.Table:
    """A source table: one row an image, and its newest annotation once there is one.

    Raises:
        InvalidInputError: `name` cannot be a table's name.
    """
    return sa.Table(
        check_table_name(name),
        sa.MetaData(),
        sa.Column("id", mysql.INTEGER(11), primary_key=True, autoincrement=True),
        sa.Column("base64_data", mysql.LONGTEXT()),
        sa.Column("mime_type", sa.String(100), nullable=False),
        sa.Column("original_name", sa.String(255), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(), nullable=False, server_default=_NOW),
        sa.Column("updated_at", sa.TIMESTAMP(), nullable=False, server_default=_ON_UPDATE_NOW),
        # Results are bound as JSON text and read as text: MariaDB has no JSON type of its own.
        sa.Column("annotation_data", mysql.JSON(), nullable=True),
        sa.Column("annotation_create_at", sa.TIMESTAMP(), nullable=False, server_default=_NOW),
        sa.Column("annotation_update_at", sa.TIMESTAMP(), nullable=False, server_default=_ON_UPDATE_NOW),
        # PolarDB's own DDL has no default here, so its documented INSERT fails in strict mode.
        sa.Column("annotation_count", mysql.INTEGER(11), nullable=False, server_default="0"),
        sa.Column("annotation_uid", sa.String(255), nullable=True),
        mysql_default_charset="utf8mb4",
    )


def open_source_table(connection: sa.Connection, name: str) -> sa.Table:
    """The source table of that name, once the database was seen to hold it with all its columns.

    Raises:
        InvalidInputError: `name` cannot be a table's name.
        ReconfigureError: as `validate_table`.
    """
    table = source_table(name)
    validate_table(connection, table)
    return table


def create_table(connection: sa.Connection, table: sa.Table) -> bool:
    """Create `table` unless there is one of its name; True if it was created."""
    if sa.inspect(connection).has_table(table.name):
        return False
    table.create(connection)
    return True


def validate_table(connection: sa.Connection, expected: sa.Table) -> None:
    """Check that the database holds a table with the columns of `expected`; more columns are fine.

    Raises:
        ReconfigureError: the table is not there, or columns are missing or of a wrong type; all are named.
    """
    inspector = sa.inspect(connection)
    unseen = f"There is no table {expected.name!r} in the database, or its user may not see it."
    try:
        found = {column["name"]: column["type"] for column in inspector.get_columns(expected.name)}
    except sa.exc.NoSuchTableError:
        raise ReconfigureError(unseen, field="table") from None
    except sa.exc.DBAPIError as error:
        if error.orig is not None and error.orig.args[:1] == (_SHOW_DENIED,):
            raise ReconfigureError(unseen, field="table") from None
        raise
    problems = [
        f"column {column.name!r} is missing"
        if column.name not in found
        else f"column {column.name!r} is {found[column.name]}, expected {column.type}"
        for column in expected.columns
        if column.name not in found or not _is_like(column.type, found[column.name])
    ]
    if expected.columns.keys()[0] == "id" and "id" in found:
        key = inspector.get_pk_constraint(expected.name)["constrained_columns"]
        if key != ["id"]:
            problems.append("column 'id' is not the primary key")
    if problems:
        raise ReconfigureError(f"The table {expected.name!r} cannot be used: {'; '.join(problems)}.", field="table")


def advice(connection: sa.Connection, table: sa.Table) -> list[str]:
    """What should be changed in a source table that can be used; each with the statement that does it."""
    [count] = [
        column for column in sa.inspect(connection).get_columns(table.name) if column["name"] == "annotation_count"
    ]
    if count["nullable"] or count["default"] is not None:
        return []
    name = connection.dialect.identifier_preparer.quote_identifier(table.name)
    return [
        f"{table.name}: annotation_count has no default, as in PolarDB's documentation; INSERTs that leave it out fail "
        f"in strict mode (MySQL error 1364). This helps: ALTER TABLE {name} ALTER annotation_count SET DEFAULT 0"
    ]


def _is_like(expected: TypeEngine[object], found: TypeEngine[object]) -> bool:
    """Whether values of `expected` can be read from and written to a column of `found`."""
    if isinstance(expected, sa.JSON):
        # MariaDB reports its JSON columns as LONGTEXT.
        return isinstance(found, (sa.JSON, mysql.LONGTEXT, mysql.MEDIUMTEXT))
    if isinstance(expected, mysql.LONGTEXT):
        return isinstance(found, (sa.String, sa.LargeBinary))
    if isinstance(expected, sa.TIMESTAMP):
        return isinstance(found, sa.DateTime)
    if isinstance(expected, sa.Integer):
        return isinstance(found, sa.Integer)
    return isinstance(found, sa.String)
