"""What can be deployed: the templates and free tables of the database. It is asked when somebody wants to deploy."""

from __future__ import annotations

from dataclasses import dataclass, replace

from polardb_bridge.conf import command_database
from polardb_bridge.deployments.console.database import asked
from polardb_bridge.deployments.console.forms import DeployForm
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.interfaces import check_schema
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.table import catalog
from polardb_bridge.table.catalog import Offer
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
                tables = catalog.source_tables(connection)
        except BridgeError as error:
            return cls([], [], in_page_language(str(error)))
        taken = set(Deployment.objects.values_list("table_address", flat=True))
        free = [table for table in tables if database.table_address(table.value) not in taken]
        return cls(
            [template for template in templates if not template.problem],
            [table for table in free if not table.problem],
            unfit=tuple(
                replace(offer, problem=in_page_language(offer.problem))
                for offer in (*templates, *free)
                if offer.problem
            ),
        )

    def form(self, *data: object) -> DeployForm:
        return DeployForm(self.templates, self.tables, *data)


def _offer(template: Template, problem: str) -> Offer:
    try:
        if not problem:
            check_schema(template.schema, template.name)
    except InvalidInputError as error:
        problem = in_page_language(str(error))
    return Offer(str(template.id), template.name, problem=problem)
