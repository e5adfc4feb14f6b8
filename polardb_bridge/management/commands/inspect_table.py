from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandParser
from rich.cells import cell_len

from polardb_bridge.conf import command_database
from polardb_bridge.errors import BridgeError
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.statements.masking import printable
from polardb_bridge.statements.syntax import MODEL, DeployModel
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.choosing import to_ask_for
from polardb_bridge.table.columns import TableWarning
from polardb_bridge.table.connection import connect
from polardb_bridge.table.fields import typed
from polardb_bridge.table.inspection import Inspection, inspect
from polardb_bridge.table.looking_up import slow_look_ups
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.preview import PreviewRow, read_preview_rows
from polardb_bridge.table.schema import labeling_warnings, open_table, qualified_name, source_table, validate_table
from polardb_bridge.table.sql import check_query

SHOWN_TASKS = 3


class Command(BridgeCommand):
    help = (
        "Show what the columns of a table hold, and how its rows can be labeled as they are: the command and the "
        "statement, ready to run, and the first tasks. The table is only read. Example: inspect_table products"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("table", metavar="TABLE", help="a table or view, as name or as database.name")
        parser.add_argument(
            "--query", metavar="SELECT", help="look at this query in place of a table; TABLE names it for people"
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        mapping, problem = None, ""
        warnings: list[TableWarning] = []
        rows: list[PreviewRow] = []
        database, name = qualified_name(options["table"])
        query = check_query(options["query"]) if options["query"] else ""
        account = command_database()
        account = replace(account, database=database or account.database, read_only=bool(query))
        with connect(account) as connection:
            inspection = inspect(connection, open_table(connection, name, query))
            try:
                mapping = inspection.mapping()
                table = source_table(inspection.found.name, mapping)
                # Results of views and queries go into a table of their own.
                validate_table(connection, table, to_write=not inspection.found.is_view)
                warnings = labeling_warnings(connection, inspection.found, mapping)
                rows = read_preview_rows(connection, table, SHOWN_TASKS)
                warnings += slow_look_ups(connection, table, rows[0].id) if rows else []
            except BridgeError as error:
                problem = str(error)
        if options["json"]:
            self.print_json(_as_json(inspection, mapping, problem, warnings, rows))
            return
        self._show(inspection, warnings, rows)
        if mapping is None or problem:
            self.stdout.write(f"\nNo proposal: {problem}")
            return
        asked = to_ask_for(mapping, inspection.found)
        self.stdout.write("\nBy command, with the id or name of your template:")
        self.stdout.write(f"  {_command(_named(database, inspection.found.name), asked)}")
        self.stdout.write("\nOr by statement:")
        self.stdout.write(f"  {_statement(inspection.found.name, asked, database)}")

    def _show(self, inspection: Inspection, warnings: list[TableWarning], rows: list[PreviewRow]) -> None:
        lines = [("column", "type", f"in the first {inspection.looked_at} rows", "read as")]
        for seen in inspection.seen:
            marks = " (primary key)" if seen.column.is_key else ""
            count = f": {seen.rows}" if seen.rows else ""
            lines.append((seen.name, seen.column.full_type, f"{seen.holds}{count}{marks}", str(seen.read or "")))
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = [printable(cell) + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
            self.stdout.write("  ".join(cells).rstrip())
        for warning in warnings:
            self.stdout.write(f"\nWarning: {warning}")
        if rows:
            self.stdout.write("\nThe first tasks:")
        for row in rows:
            self.stdout.write(f"  {row.id}  {row.original_name}  {_shown(row)}")


def _shown(row: PreviewRow) -> str:
    if row.problem:
        return f"no picture: {row.problem}"
    if row.thumbnail is None:
        return f"{row.size:,} bytes as stored"
    return f"{row.thumbnail.media_type}, {row.size:,} bytes as stored"


def _named(database: str | None, table: str) -> str:
    return f"{database}.{table}" if database else table


def _command(name: str, asked: AskedMapping) -> str:
    texts = asked.to_texts()
    options = [("--template", "1"), ("--source", name), ("--name", name)]
    options += [
        (option, prefix + text)
        for option, prefix, text in (
            ("--key", "", texts["key"]),
            ("--name-column", "", texts["name"]),
            ("--version-column", "", texts["version"]),
            ("--query", "", texts["query"]),
            ("--filter", "", texts["condition"]),
        )
        if text is not None
    ]
    options += [("--map", f"{field}={read}") for field, read in (asked.data or {}).items()]
    for role, column in (asked.results or {}).items():
        options.append(("--result-column", f"{role}={typed(column)}"))
    written = (f"{option} {shlex.quote(value)}" for option, value in options)
    return " \\\n    ".join(["polardb-bridge manage provision_project", *written])


def _statement(name: str, asked: AskedMapping, database: str | None) -> str:
    # Names of tables may have what those of deployments may not.
    deployment = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return f"{DeployModel(MODEL, deployment, '1', name, mapping=asked, database=database)};"


def _as_json(
    inspection: Inspection,
    mapping: TableMapping | None,
    problem: str,
    warnings: list[TableWarning],
    rows: list[PreviewRow],
) -> dict[str, Any]:
    return {
        "table": inspection.found.name,
        "looked_at": inspection.looked_at,
        "columns": [
            {"name": seen.name, "type": seen.column.full_type, "is_key": seen.column.is_key}
            | {"holds": seen.holds, "rows": seen.rows, "read": str(seen.read or "")}
            for seen in inspection.seen
        ],
        "problem": problem,
        "mapping": None if mapping is None or problem else mapping.to_json(),
        "warnings": list(warnings),
        "tasks": [{"id": row.id, "original_name": row.original_name, "shown": _shown(row)} for row in rows],
    }
