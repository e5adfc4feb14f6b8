from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from users.models import User

from polardb_bridge.choices import FieldKind, ImageDelivery
from polardb_bridge.conf import command_database
from polardb_bridge.deployments.projects import DEFAULT_NAME, provision_project
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.sync import sync_with_progress
from polardb_bridge.storage.sync.lease import was_broken_off
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.result_columns import RESULT_ROLES
from polardb_bridge.table.schema import qualified_name


class Command(BridgeCommand):
    help = (
        "Create a labeling project for a source table: the labels come from a row of annotation_template, the rows "
        "become tasks, and submitted annotations go back into the rows. A project of that name that exists already "
        "is left as it is, but a first sync that was broken off goes on. "
        "Example: provision_project --template 1 --source polardb4ai_annotation_source_animal --name mark_animal"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--template", required=True, metavar="ID_OR_NAME", help="a row of annotation_template")
        parser.add_argument(
            "--source", required=True, metavar="TABLE", help="source table or view, as name or as database.name"
        )
        parser.add_argument("--name", default=DEFAULT_NAME, help="the project's title (default: %(default)s)")
        parser.add_argument("--user", metavar="EMAIL", help="owner of the project (default: the first user)")
        parser.add_argument(
            "--image-delivery",
            choices=ImageDelivery.values(),
            default=ImageDelivery.AUTO.value,
            help="images inside the tasks, by link, or whichever suits the table's size (default: %(default)s)",
        )
        group = parser.add_argument_group(
            "any table",
            "Which columns of the table are what, if it is not of the documented layout. What is left out are columns "
            "of the documented names, where the table has them, and its primary key.",
        )
        group.add_argument(
            "--key", metavar="COLUMN[,COLUMN]", help="what tells rows apart: one column, or several with commas"
        )
        group.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN:KIND",
            help="what tasks hold, once a field: image=photo:bytes, text=body:text; "
            f"kinds: {', '.join(FieldKind.values())}",
        )
        group.add_argument("--name-column", metavar="COLUMN", help="what is shown above the task; '': the key")
        group.add_argument(
            "--version-column",
            metavar="COLUMN",
            help="what changes with the row: a time, another column, 'digest', or an expression of SQL; '': nothing",
        )
        group.add_argument("--filter", metavar="CONDITION", help="a condition of SQL: which rows become tasks")
        group.add_argument(
            "--query", metavar="SELECT", help="a query that is read in place of a table; --source names it for people"
        )
        group.add_argument(
            "--result-column",
            action="append",
            metavar="ROLE=COLUMN",
            help=f"where results go; roles: {', '.join(RESULT_ROLES)}",
        )
        group.add_argument(
            "--result-table",
            metavar="TABLE",
            help="have every annotation written into this result table (create_tables --results), and into the rows "
            "only if --result-column names columns",
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        owner = None
        if options["user"]:
            owner = User.objects.filter(email=options["user"]).first()
            if owner is None:
                raise InvalidInputError(f"There is no user {options['user']!r}.")
        database, source = qualified_name(options["source"])
        provisioned = provision_project(
            command_database(),
            template=options["template"],
            source=source,
            database=database,
            name=options["name"],
            owner=owner,
            image_delivery=ImageDelivery(options["image_delivery"]),
            asked=AskedMapping.from_texts(
                key=options["key"],
                fields=", ".join(options["map"]),
                name=options["name_column"],
                version=options["version_column"],
                results=None if options["result_column"] is None else ", ".join(options["result_column"]),
                query=options["query"],
                condition=options["filter"],
            ),
            result_table=options["result_table"],
        )
        project, storage = provisioned.project, provisioned.import_storage
        report = None
        goes_on = storage is not None and not provisioned.created and was_broken_off(storage)
        if goes_on and not options["json"]:
            self.stdout.write(
                f"Project {options['name']!r} exists already, and its last sync was broken off: it goes on."
            )
        if storage and (provisioned.created or goes_on):
            report = sync_with_progress(self, storage, quiet=options["json"])
        if options["json"]:
            self.print_json(
                {
                    "project_id": project.pk,
                    "url": provisioned.url,
                    "created": provisioned.created,
                    "import_storage_id": storage.pk if storage else None,
                    "export_storage_id": provisioned.export_storage.pk if provisioned.export_storage else None,
                    "result_storage_id": provisioned.result_storage.pk if provisioned.result_storage else None,
                    "sync": vars(report) if report else None,
                }
            )
        elif provisioned.created or goes_on:
            self.stdout.write(f"Project {project.pk} is ready: {provisioned.url}")
        else:
            self.stdout.write(
                f"Project {options['name']!r} exists already (id {project.pk}, {provisioned.url}); nothing was changed."
            )
