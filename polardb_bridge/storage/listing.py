"""What a server offers to choose from: how it encrypts, its databases, and the tables of one of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.choices import TlsMode
from polardb_bridge.conf import configuration
from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.connection import connect
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import source_table, table_name_problem
from polardb_bridge.table.text import quoted

# Of databases, and of tables; who has more types the name.
MAX_NAMES = 10_000
# How long the server may look for the tables that have our columns; without, all are listed alike.
_LOOK_FOR_COLUMNS_S = 2
_WITH_COLUMNS = (
    "TABLE_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = :database AND COLUMN_NAME IN :columns"
    " GROUP BY TABLE_NAME HAVING COUNT(*) = :number"
)
# Every account may connect to it, and sees of the others what it has a privilege for.
CATALOG = "information_schema"
# MariaDB's number and MySQL's.
_TOOK_TOO_LONG = (1969, 3024)
_OF_THE_SERVER = {CATALOG, "mysql", "performance_schema", "sys"}


@dataclass(frozen=True)
class ListedTable:
    """has_columns: whether it has those of a source table; None: nobody has looked. problem: why it cannot be one."""

    name: str
    has_columns: bool | None
    problem: str


@dataclass(frozen=True)
class Listing:
    """tls: by which mode the server was asked. is_complete: False if there are more than MAX_NAMES of a kind."""

    tls: str
    databases: list[str]
    tables: list[ListedTable]
    is_complete: bool


def safest_first() -> tuple[TlsMode, ...]:
    """The modes to propose for a new storage, down to the one that its form begins with, and never below that."""
    modes = tuple(reversed(TlsMode))
    return modes[:1] if configuration().tls_ca else modes


def list_tables(parameters: ConnectionParameters, database: str, modes: tuple[TlsMode, ...]) -> Listing:
    """What the account of `parameters`, which lead to CATALOG, sees on its server.

    database: of the tables; none if empty.
    modes: of encryption, to try one after another until one works; that of `parameters` if there are none.

    Raises:
        BridgeError: the server cannot be asked, or the account may not use the database.
    """
    tried = [dataclasses.replace(parameters, tls=mode.value) for mode in modes if _is_possible(parameters, mode)]
    *others, last = tried or [parameters]
    for attempt in others:
        try:
            return _list(attempt, database)
        except ReconfigureError as error:
            if error.field != "tls":
                raise
    return _list(last, database)


def _is_possible(parameters: ConnectionParameters, mode: TlsMode) -> bool:
    return mode != TlsMode.DISABLED or not parameters.tls_cert


def _list(parameters: ConnectionParameters, database: str) -> Listing:
    with connect(parameters) as connection:
        found = connection.exec_driver_sql("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
        databases = [name for (name,) in found.fetchmany(MAX_NAMES + 1) if name.lower() not in _OF_THE_SERVER]
        names = _table_names(connection, database) if database else []
        fitting = _with_our_columns(connection, database) if names else None
    tables = [
        ListedTable(name, None if fitting is None else name in fitting, table_name_problem(name)) for name in names
    ]
    return Listing(
        parameters.tls,
        sorted(databases)[:MAX_NAMES],
        sorted(tables, key=lambda table: (not table.has_columns, bool(table.problem), table.name))[:MAX_NAMES],
        is_complete=len(databases) <= MAX_NAMES and len(tables) <= MAX_NAMES,
    )


def _table_names(connection: sa.Connection, database: str) -> list[str]:
    # Unlike the tables of information_schema, this tells `Animals` from `animals`. The driver takes % for its own.
    found = connection.exec_driver_sql(f"SHOW TABLES FROM {quoted(database)}".replace("%", "%%"))
    return [name for (name,) in found.fetchmany(MAX_NAMES + 1)]


def _with_our_columns(connection: sa.Connection, database: str) -> set[str] | None:
    """The names of the tables that can be sources; None if the server takes too long to tell."""
    columns = source_table("any").columns.keys()
    limited = (
        f"SET STATEMENT max_statement_time = {_LOOK_FOR_COLUMNS_S} FOR SELECT {_WITH_COLUMNS}"
        if getattr(connection.dialect, "is_mariadb", False)
        else f"SELECT /*+ MAX_EXECUTION_TIME({_LOOK_FOR_COLUMNS_S * 1000}) */ {_WITH_COLUMNS}"
    )
    statement = sa.text(limited).bindparams(sa.bindparam("columns", expanding=True))
    values = {"database": database, "columns": columns, "number": len(columns)}
    try:
        return set(connection.execute(statement, values).scalars())
    except sa.exc.DBAPIError as error:
        if error.orig is not None and error.orig.args[0] in _TOOK_TOO_LONG:
            return None
        raise
