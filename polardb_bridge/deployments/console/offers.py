"""What can be deployed: the templates and free tables of the database. It is asked when somebody wants to deploy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from polardb_bridge.characters import escaped
from polardb_bridge.conf import command_database
from polardb_bridge.deployments.console.database import asked
from polardb_bridge.deployments.console.forms import DeployForm
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.deploy import table_is_deployed
from polardb_bridge.deployments.interfaces import check_schema
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.storage.owners import taken_tables
from polardb_bridge.table import catalog
from polardb_bridge.table.catalog import Offer
from polardb_bridge.table.identity import TableIdentity, read_identities
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.templates import Template


@dataclass(frozen=True)
class Offered:
    """What can be deployed. problem: why the database cannot be read; empty if it can.

    unfit: what is there and DEPLOY would refuse, with the reason.
    """

    templates: list[Offer]
    tables: list[Offer]
    problem: str = ""
    unfit: tuple[Offer, ...] = ()

    @classmethod
    def read(cls) -> Offered:
        try:
            database = command_database()
            with asked() as connection:
                templates = [_offer(*template) for template in catalog.templates(connection)]
                tables = catalog.source_tables(connection, with_others=True)
                identities = read_identities(connection, [table.value for table in tables])
        except BridgeError as error:
            return cls([], [], in_page_language(str(error)))
        taken = taken_tables(database, identities) | _deployed(database, identities)
        tables = [replace(table, problem=table.problem or taken.get(table.value, "")) for table in tables]
        return cls(
            [template for template in templates if not template.problem],
            [table for table in tables if not table.problem],
            unfit=tuple(
                replace(offer, problem=in_page_language(offer.problem))
                for offer in (*templates, *tables)
                if offer.problem
            ),
        )

    def form(self, *data: object) -> DeployForm:
        return DeployForm(self.templates, self.tables, *data)


def _deployed(database: ConnectionParameters, identities: Mapping[str, TableIdentity]) -> dict[str, str]:
    """Which of the tables have a deployment, as DEPLOY says it; one that is being removed may have no target."""
    by_address = {database.table_address(name): name for name in identities}
    by_identity = {str(identity): name for name, identity in identities.items()}
    deployments = Deployment.objects.values_list("name", "table_address", "table_identity")
    return {
        table: str(table_is_deployed(table, name))
        for name, address, identity in deployments
        if (table := by_identity.get(identity) or by_address.get(address))
    }


def _offer(template: Template, problem: str) -> Offer:
    try:
        if not problem:
            check_schema(template.schema, template.name)
    except InvalidInputError as error:
        problem = in_page_language(str(error))
    return Offer(str(template.id), escaped(template.name), problem=problem)
