"""Which table an address leads to: what the server says of itself, whatever people typed.

One server has several addresses (`localhost`, `127.0.0.1`, the endpoints of a cluster), and some servers take `Animal`
and `animal` for one table.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.table.primary import at_primary
from polardb_bridge.table.text import quoted, unquoted

_VARIABLES = (
    "group_replication_group_name",
    "hostname",
    "datadir",
    "lower_case_table_names",
    "port",
    "server_uid",
    "server_uuid",
    "wsrep_on",
)
_QUOTED = re.compile(r"`((?:[^`]|``)+)`")
# Of what the table of replicas is called: MySQL from 8.0.22 on, and before.
_REPLICA_STATUS = (("SHOW REPLICA STATUS", "Source_UUID"), ("SHOW SLAVE STATUS", "Master_UUID"))


@dataclass(frozen=True)
class TableIdentity:
    """One table. server: what no other server, or cluster, is; path: "`database`.`table`", as the server stores it."""

    server: str
    path: str

    def __str__(self) -> str:
        return f"{self.server} {self.path}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of database and table."""
        return tuple(unquoted(name, None) for name in _QUOTED.findall(self.path))

    @property
    def key(self) -> str:
        """The same in 64 characters, to look up."""
        return hashlib.sha256(str(self).encode()).hexdigest()


def name_of(table: str, query: str) -> str:
    """What stands for a table in identities: its name, or of a query something that no table is called."""
    return f"query {hashlib.sha256(query.encode()).hexdigest()[:40]}" if query else table


def path_of(database: str, table: str) -> str:
    """Both names in one, so that no two pairs of names give the same."""
    return ".".join(map(quoted, (database, table)))


def read_identity(connection: sa.Connection, table_name: str) -> TableIdentity:
    """Like `read_identities`, of one table."""
    return read_identities(connection, [table_name])[table_name]


def read_identities(connection: sa.Connection, table_names: Iterable[str]) -> dict[str, TableIdentity]:
    """Which tables of the connection's database these are, by name; nobody looks whether they are there.

    Raises:
        sqlalchemy.exc.DBAPIError: the server does not answer.
    """
    names = ", ".join(f"'{name}'" for name in _VARIABLES)
    with at_primary(connection):
        asked = f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})"
        variables = {name.lower(): value for name, value in connection.exec_driver_sql(asked)}
        database = connection.exec_driver_sql("SELECT DATABASE()").scalar_one()
        server = _server(connection, variables)
    is_one_case = variables.get("lower_case_table_names", "0") != "0"
    paths = {name: path_of(database, name) for name in table_names}
    return {name: TableIdentity(server, path.lower() if is_one_case else path) for name, path in paths.items()}


def _server(connection: sa.Connection, variables: Mapping[str, str]) -> str:
    group = variables.get("group_replication_group_name")
    if group:
        return group.lower()
    if variables.get("wsrep_on") == "ON":
        status = "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'"
        for _, cluster in connection.exec_driver_sql(status):
            if cluster:
                return str(cluster)
    uuid = variables.get("server_uuid")
    if uuid:
        return _primary_of(connection) or uuid
    # MariaDB's own id is made of a network card's address and the port: containers have the same.
    parts = (variables.get(name, "") for name in ("server_uid", "hostname", "port", "datadir"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _primary_of(connection: sa.Connection) -> str:
    """The uuid of the server that this one repeats; empty if it repeats none, or the account may not know."""
    for statement, column in _REPLICA_STATUS:
        with contextlib.suppress(sa.exc.ProgrammingError, sa.exc.OperationalError):
            status = connection.exec_driver_sql(statement).mappings().first()
            return str(status[column] or "") if status else ""
    return ""
