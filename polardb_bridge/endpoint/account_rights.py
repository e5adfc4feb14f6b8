"""What an account of the database may do with deployments: what it may do with their tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, fields, replace

from polardb_bridge.choices import WritesTo
from polardb_bridge.conf import names_of
from polardb_bridge.deployments.execution.rights import Rights
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.endpoint.questions import RefusedByServerError
from polardb_bridge.errors import DeniedError, RetryableError
from polardb_bridge.statements import syntax
from polardb_bridge.statements.errors import OPERATORS_ONLY
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.connection import connect
from polardb_bridge.table.fields import columns_of
from polardb_bridge.table.mapping import DOCUMENTED, TableMapping
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import TEMPLATE_TABLE, open_table
from polardb_bridge.table.text import quoted

# What the database says to who may not, or may not know: no such database, no such table, no such column among them.
_DENIED = (1044, 1045, 1049, 1054, 1142, 1143, 1146)
# Kinds of statements, and options of DEPLOY MODEL, that the rights below cover. What is added elsewhere may lead the
# shared account to tables that a client may not read: it is for operators until somebody has thought about it.
_READING = (syntax.ShowDeployment, syntax.ShowDeployments, syntax.ShowWhiteIps)
_CHANGING = (syntax.DeployModel, syntax.UpdateWhiteIps, syntax.DropDeployment)
_COVERED_OPTIONS = (
    *("model", "name", "template_id", "source", "database", "title", "if_not_exists"),
    *("image_delivery", "existing_annotations", "mapping"),
)


@dataclass(frozen=True)
class AccountRights(Rights):
    """check_runs: has the database say, on the account's own session, whether it would run a statement; raises
    RefusedByServerError if not.

    database: whose tables are deployed. operators: `user` or `user@host` of those who may change anything; if there are
    none, everybody may whose privileges suffice.
    """

    account: str
    operators: Collection[str]
    database: ConnectionParameters
    check_runs: Callable[[str], None]

    def check(self, statement: syntax.Statement) -> None:
        if isinstance(statement, _READING) or self._is_operator:
            return
        is_covered = isinstance(statement, _CHANGING) and not _says_more(statement)
        if self.operators or not is_covered:
            raise DeniedError(
                f"Access denied; {statement.verb} is for the accounts of POLARDB_MYSQL_OPERATORS, and {self.account!r} "
                "is none of them",
                OPERATORS_ONLY,
            )

    @property
    def _is_operator(self) -> bool:
        return self.account in self.operators or self.account.rpartition("@")[0] in self.operators

    def check_deploy(self, statement: syntax.DeployModel) -> None:
        self._ask(_reads(self._named(TEMPLATE_TABLE)))
        table = self._named(statement.source, statement.database)
        # A query is for operators (`check`), and reads whatever the shared account may read.
        if not statement.mapping.query:
            self._ask(_reads(table))
        mapping = self._mapping(statement)
        # Whoever may read one column may not have another shown by the shared account.
        if not mapping.query:
            self._ask(_reads(table, sorted({*mapping.by_role.values(), *columns_of(mapping.data)})))
        if statement.result_table is not None:
            self._ask_result_table(self._named(statement.result_table))
            if statement.mapping.results is None:
                return
        if mapping.results:
            self._ask(_writes(table, mapping.results.values()))

    def _mapping(self, statement: syntax.DeployModel) -> TableMapping:
        """What the deployment would read and write.

        Raises:
            BridgeError: the table is not there, or does not tell.
        """
        if statement.mapping.is_nothing:
            return DOCUMENTED
        there = replace(self.database, database=statement.database or self.database.database, read_only=True)
        with connect(there) as connection:
            return complete(statement.mapping, open_table(connection, statement.source, statement.mapping.query))

    def may_read(self, deployment: Deployment) -> bool:
        table = self._here(str(deployment.table_address), _without_database(deployment.source))
        return table is not None and self._may(_reads(table))

    def may_change(self, deployment: Deployment) -> bool:
        try:
            self._ask_change(deployment)
        except DeniedError:
            return False
        return not self.operators or self._is_operator

    def check_change(self, deployment: Deployment, statement: syntax.Statement) -> None:
        self._ask_change(deployment)

    def _ask_change(self, deployment: Deployment) -> None:
        """By where its results go: into the rows, or, if none go there, into a result table."""
        source = self._known(str(deployment.table_address), _without_database(deployment.source), deployment)
        targets = PolarDBExportStorage.objects.filter(project=deployment.project_id).defer("password").order_by("pk")
        rows = targets.filter(writes_to=WritesTo.ROWS).first()
        result_table = None if rows else targets.filter(writes_to=WritesTo.RESULT_TABLE).first()
        if result_table:
            self._ask_result_table(self._known(result_table.table_address, result_table.table, deployment))
        else:
            self._ask(_writes(source, (rows.table_mapping if rows else DOCUMENTED).results.values()))

    def _ask_result_table(self, table: str) -> None:
        for statement in (_reads(table), _inserts(table), _writes(table, ["result"]), _deletes(table)):
            self._ask(statement)

    def _known(self, address: str, table: str, deployment: Deployment) -> str:
        """A table of a deployment, as statements name it."""
        name = self._here(address, table)
        if name is None:
            raise DeniedError(
                f"Access denied; the table of the deployment {deployment.name!r} is on another server than that of "
                "POLARDB_URL",
                OPERATORS_ONLY,
            )
        return name

    def _here(self, address: str, table: str) -> str | None:
        """The table at an address; None if that is on another server, of which this session tells nothing."""
        server, _, name = address.partition("/")
        here = {f"{name}:{self.database.port}" for name in names_of(self.database.host)}
        suffix = f".{table}"
        if server not in here or not name.endswith(suffix):
            return None
        return f"{quoted(name.removesuffix(suffix))}.{quoted(table)}"

    def _named(self, table: str, database: str | None = None) -> str:
        return f"{quoted(database or self.database.database)}.{quoted(table)}"

    def _may(self, statement: str) -> bool:
        try:
            self._ask(statement)
        except DeniedError:
            return False
        return True

    def _ask(self, statement: str) -> None:
        try:
            self.check_runs(statement)
        except RefusedByServerError as error:
            if error.code in _DENIED:
                raise DeniedError(error.text, error.code) from None
            raise RetryableError(
                f"What {self.account!r} may do cannot be found out: {error.text} (MySQL error {error.code})"
            ) from None


def _without_database(source: str) -> str:
    """Of what a deployment calls its table, which it calls `database.table` if that is in another."""
    return source.rpartition(".")[2]


def _reads(table: str, columns: Iterable[str] = ()) -> str:
    return f"SELECT {', '.join(map(quoted, columns)) or 1} FROM {table}"  # noqa: S608


def _writes(table: str, columns: Iterable[str]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = {name}' for name in map(quoted, columns))}"  # noqa: S608


def _inserts(table: str) -> str:
    return f"INSERT INTO {table} (source) VALUES ('')"  # noqa: S608


def _deletes(table: str) -> str:
    return f"DELETE FROM {table}"  # noqa: S608


def _says_more(statement: syntax.Statement) -> bool:
    """Whether it has options that are not covered, or SQL that would run as the shared account."""
    if not isinstance(statement, syntax.DeployModel):
        return False
    others = [each for each in fields(statement) if each.name not in _COVERED_OPTIONS]
    return statement.mapping.may_run_sql or any(getattr(statement, each.name) != each.default for each in others)
