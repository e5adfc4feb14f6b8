from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from django.core.management.base import CommandParser

from polardb_bridge.conf import command_database
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.table.columns import reading_warnings
from polardb_bridge.table.connection import connect
from polardb_bridge.table.keys import parse_columns
from polardb_bridge.table.mapping import DOCUMENTED
from polardb_bridge.table.result_table import key_types, open_result_table, result_table
from polardb_bridge.table.schema import create_table, open_table, source_table, template_table, validate_table


class Command(BridgeCommand):
    help = (
        "Create the table annotation_template, source tables and result tables in the database of POLARDB_URL. "
        "Tables that exist already are checked and left as they are. "
        "Example: create_tables --source polardb4ai_annotation_source_animal"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--source", action="append", default=[], metavar="NAME", help="a source table to create; can be repeated"
        )
        parser.add_argument(
            "--results", metavar="NAME", help="a result table to create: every annotation of a row, in a row of its own"
        )
        parser.add_argument(
            "--for",
            dest="joined",
            metavar="SOURCE",
            help="the source table whose rows it is for, to have their key in its own type and collation; without it, "
            "the key is text, and any sources may share the table",
        )
        parser.add_argument("--key", metavar="COLUMN[,COLUMN]", help="the key of SOURCE (default: its primary key)")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        tables = [template_table(), *(source_table(name) for name in options["source"])]
        created = {}
        notes: list[str] = []
        if not options["results"] and (options["joined"] or options["key"]):
            raise InvalidInputError("--for and --key are about a result table: name it with --results.")
        with connect(command_database()) as connection:
            if options["results"]:
                results = _result_table(connection, options["results"], options["joined"], options["key"])
                created[results.name] = create_table(connection, results)
                open_result_table(connection, results.name)
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


def _result_table(connection: sa.Connection, name: str, joined: str | None, key: str | None) -> sa.Table:
    if not joined:
        return result_table(name)
    found = open_table(connection, joined)
    names = parse_columns(key) if key else found.key
    # As the keys of its rows have them: in the order of their index.
    names = found.told_apart_by(names) or names
    if not names:
        raise InvalidInputError(f"The table {joined!r} has no primary key: name its key with --key.", field="mapping")
    return result_table(name, key_types(connection, joined, names))
