"""The two tables, as PolarDB for AI documents them: definition, creation and validation."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from polardb_bridge.characters import escaped, is_seen
from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import InvalidInputError, ReconfigureError
from polardb_bridge.table.columns import (
    TableWarning,
    problems_of,
    reading_warnings,
    writing_problems_of,
    writing_warnings,
)
from polardb_bridge.table.derived import QueryTable
from polardb_bridge.table.filtering import check_sql
from polardb_bridge.table.found import FoundTable, find_query, find_table
from polardb_bridge.table.key_columns import KeyType
from polardb_bridge.table.keys import KeyKind, key_roles
from polardb_bridge.table.mapping import DOCUMENTED, VERSION_ROLE, TableMapping, mapping_of
from polardb_bridge.table.privileges import not_writable

TEMPLATE_TABLE = "annotation_template"

# MySQL allows more when quoted; these never need escaping in any tool that people use beside this one.
_TABLE_NAME = re.compile(r"[0-9A-Za-z_$\-\u0080-\uffff]{1,64}")

_QUALIFIED = re.compile(r"(?:(`?)([^`.]+)\1\.)?(`?)([^`.]+)\3")

_ON_UPDATE_NOW = sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")
_NOW = sa.text("CURRENT_TIMESTAMP")


def check_table_name(name: str) -> str:
    """Return `name` if it can be a table's name here.

    Raises:
        InvalidInputError: it is empty, too long, has characters other than letters, digits, `_`, `$`, `-`, or some that
            nobody sees.
    """
    if not all(map(is_seen, name)):
        raise InvalidInputError(
            f"'{escaped(name)}' cannot be a table's name: characters that cannot be seen are written as escapes here.",
            field="table",
        )
    if not _TABLE_NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} cannot be a table's name: use 1 to 64 letters, digits, '_', '$' or '-'.", field="table"
        )
    return name


def qualified_name(text: str) -> tuple[str | None, str]:
    """The database, if it is named, and the table of `table` or `database.table`, with or without backticks.

    Raises:
        InvalidInputError: it is neither.
    """
    found = _QUALIFIED.fullmatch(text)
    if found is None:
        return None, check_table_name(text)
    return found[2] and check_table_name(found[2]), check_table_name(found[4])


def table_name_problem(name: str) -> str:
    """Why `name` cannot be a table's name here; empty if it can."""
    try:
        check_table_name(name)
    except InvalidInputError as error:
        return str(error)
    return ""


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


def source_table(name: str, mapping: TableMapping = DOCUMENTED) -> sa.Table:
    """A source table: one row an image, and its newest annotation once there is one.

    Its columns are known here by the names of the documented layout (`table.c.base64_data`), whatever the mapping calls
    them; those that it does not have are missing. What tasks hold beside a picture is read by `field_values`.

    Raises:
        InvalidInputError: `name` cannot be a table's name.
    """
    if mapping.is_documented:
        return _documented_table(name)
    types: dict[str, sa.types.TypeEngine[Any]] = {c.key: c.type for c in _documented_table("any").columns}
    types["label"] = sa.Text()
    keys = dict(zip(key_roles(mapping.kinds), mapping.kinds, strict=True))
    types[VERSION_ROLE] = sa.types.NULLTYPE
    types |= {role: KeyType(kind) for role, kind in keys.items() if kind is not KeyKind.INTEGER or len(keys) > 1}
    if mapping.picture and mapping.picture.kind is FieldKind.BYTES:
        types["base64_data"] = mysql.LONGBLOB()
    return (QueryTable if mapping.query else sa.Table)(
        check_table_name(name),
        sa.MetaData(),
        *(
            sa.Column(column, types[role], key=role, primary_key=role in keys, autoincrement=False)
            for role, column in mapping.by_role.items()
        ),
        info={"mapping": mapping, "query": mapping.query},
    )


def _documented_table(name: str) -> sa.Table:
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
        info={"mapping": DOCUMENTED},
    )


def table_warnings(
    connection: sa.Connection, found: FoundTable, mapping: TableMapping, *, to_write: bool
) -> list[TableWarning]:
    """What will surprise people although the source table, as `validate_table` found it, can be read, or written."""
    return writing_warnings(connection, found, mapping) if to_write else reading_warnings(found, mapping)


def labeling_warnings(connection: sa.Connection, found: FoundTable, mapping: TableMapping) -> list[TableWarning]:
    """What will surprise people of a table whose rows are read and whose results are written."""
    return [*reading_warnings(found, mapping), *writing_warnings(connection, found, mapping)]


def create_table(connection: sa.Connection, table: sa.Table) -> bool:
    """Create `table` unless there is one of its name; True if it was created."""
    if sa.inspect(connection).has_table(table.name):
        return False
    table.create(connection)
    return True


def open_table(connection: sa.Connection, name: str, query: str = "") -> FoundTable:
    """What the catalogue has of the table or view `name`, or the server of the query that people call so.

    Raises:
        ReconfigureError: it is not there.
        InvalidInputError: the server does not take the query.
    """
    if query:
        return find_query(connection, name, query)
    found = find_table(connection, name)
    if found is None:
        raise ReconfigureError(
            f"There is no table {name!r} in the database, or its user may not see it.", field="table"
        )
    return found


def validate_table(connection: sa.Connection, expected: sa.Table, *, to_write: bool = False) -> FoundTable:
    """Check that the database holds a table with the columns of `expected`; more columns are fine.

    to_write: and that results can be written into it.

    Raises:
        ReconfigureError: the table is not there, a view where a table was or where results are to be written, or
            columns are missing or unfit; all are named.
        InvalidInputError: the server does not take the SQL of the mapping.
    """
    mapping = mapping_of(expected)
    found = open_table(connection, expected.name, mapping.query)
    if found.is_view and to_write:
        what = "query" if found.query else "view"
        raise ReconfigureError(
            f"{found.name!r} is a {what}, and results are not written into its rows: have them written into a table of "
            "their own (--result-table, or result_table = '…').",
            field="table",
        )
    if found.is_view and mapping.is_guarded:
        raise ReconfigureError(
            f"{found.name!r} is a view, and its mapping is that of a table: say what tells its rows apart "
            "(--key id, or key_column = 'id').",
            field="table",
        )
    check_sql(connection, expected)
    problems = problems_of(found, expected)
    if problems:
        raise ReconfigureError(f"The table {expected.name!r} cannot be used: {'; '.join(problems)}.", field="table")
    problems = writing_problems_of(found, mapping_of(expected)) if to_write else []
    if problems:
        raise not_writable(expected.name, "; ".join(problems))
    return found
