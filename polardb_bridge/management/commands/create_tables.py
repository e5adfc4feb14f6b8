from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.conf import command_database
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.table.columns import reading_warnings
from polardb_bridge.table.connection import connect
from polardb_bridge.table.mapping import DOCUMENTED
from polardb_bridge.table.schema import create_table, source_table, template_table, validate_table


class Command(BridgeCommand):
    help = (
        "Create the table annotation_template, and source tables, in the database of POLARDB_URL. "
        "Tables that exist already are checked and left as they are. "
        "Example: create_tables --source polardb4ai_annotation_source_animal"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--source", action="append", default=[], metavar="NAME", help="a source table to create; can be repeated"
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        tables = [template_table(), *(source_table(name) for name in options["source"])]
        created = {}
        notes: list[str] = []
        with connect(command_database()) as connection:
            for table in tables:
                created[table.name] = create_table(connection, table)
                found = validate_table(connection, table)
                if "annotation_count" in table.columns:
                    notes += [f"{table.name}: {warning}" for warning in reading_warnings(found, DOCUMENTED)]
        if options["json"]:
            self.print_json(
                {
                    "created": [name for name, is_new in created.items() if is_new],
                    "existed": [name for name, is_new in created.items() if not is_new],
                    "notes": notes,
                }
            )
            return
        for name, is_new in created.items():
            self.stdout.write(f"{name}: {'created' if is_new else 'exists already, and fits'}")
        for note in notes:
            self.stdout.write(note)
