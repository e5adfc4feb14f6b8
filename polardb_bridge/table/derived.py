"""A query that is read as if it were a table: it stands in brackets wherever a table's name would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from MySQLdb.constants import FIELD_TYPE, FLAG
from sqlalchemy.ext.compiler import compiles

from polardb_bridge.table.sql import said_of
from polardb_bridge.table.text import identifier

_BLOBS = {
    FIELD_TYPE.TINY_BLOB: "tinyblob",
    FIELD_TYPE.BLOB: "blob",
    FIELD_TYPE.MEDIUM_BLOB: "mediumblob",
    FIELD_TYPE.LONG_BLOB: "longblob",
}
_TYPES: Mapping[int, str] = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.DECIMAL: "decimal",
    FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double",
    FIELD_TYPE.TIMESTAMP: "timestamp",
    FIELD_TYPE.DATETIME: "datetime",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.TIME: "time",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.BIT: "bit",
    FIELD_TYPE.GEOMETRY: "geometry",
    FIELD_TYPE.STRING: "binary",
    FIELD_TYPE.VAR_STRING: "varbinary",
    FIELD_TYPE.VARCHAR: "varbinary",
    **_BLOBS,
}
_AS_TEXT = {
    "binary": "char",
    "varbinary": "varchar",
    **{name: name.replace("blob", "text") for name in _BLOBS.values()},
}


class QueryTable(sa.Table):
    """A table whose rows are those of `info["query"]`."""


@compiles(QueryTable)
def _compile(table: QueryTable, compiler: Any, *, asfrom: bool = False, **options: Any) -> str:
    if not asfrom:
        return str(compiler.visit_table(table, asfrom=asfrom, **options))
    # The driver takes % for the start of a parameter.
    query = table.info["query"].replace("%", "%%")
    return f"({query}) AS {compiler.preparer.quote_identifier(table.name)}"


def table_of(name: str, query: str) -> sa.Table:
    """A table, or a query of that name, of whose columns nothing is known."""
    return QueryTable(name, sa.MetaData(), info={"query": query}) if query else sa.Table(name, sa.MetaData())


def from_sql(connection: sa.Connection, table: sa.Table) -> str:
    """What stands behind FROM in a statement for `exec_driver_sql`."""
    query = table.info.get("query", "").replace("%", "%%")
    name = identifier(connection, table.name)
    return f"({query}) AS {name}" if query else name


def columns_of_query(connection: sa.Connection, name: str, query: str) -> dict[str, tuple[str, str | None]]:
    """The columns of a query by name, each with its type and character set, as the catalogue has those of tables.

    Raises:
        InvalidInputError: the server does not take the query.
    """
    source = from_sql(connection, table_of(name, query))
    with said_of("query"):
        # LIMIT 0: the server reads what the query means, and no row.
        found = connection.exec_driver_sql(f"SELECT * FROM {source} LIMIT 0")  # noqa: S608  # checked by `sql.check_query`
        described: Any = found.cursor.description or ()
        flags: Any = found.cursor.description_flags or ()
        found.close()
        names = [column[0] for column in described]
        charsets = ", ".join(f"CHARSET({identifier(connection, column)})" for column in names)
        # Of a row that is not there: a column has its character set all the same.
        empty = f"SELECT {charsets} FROM (SELECT 1) AS `1` LEFT JOIN {source} ON FALSE"  # noqa: S608
        sets = connection.exec_driver_sql(empty).one()
    return {
        column: (
            _type(described[number][1], flags[number], sets[number]),
            None if sets[number] == "binary" else sets[number],
        )
        for number, column in enumerate(names)
    }


def _type(code: int, flags: int, character_set: str | None) -> str:
    if flags & FLAG.ENUM:
        return "enum"
    if flags & FLAG.SET:
        return "set"
    name = _TYPES.get(code, "unknown")
    return name if character_set == "binary" else _AS_TEXT.get(name, name)
