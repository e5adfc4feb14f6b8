"""Projects that write into result tables, and what these hold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from sqlalchemy import text

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect
from support.labeling import LabelingProject, Provisioned
from support.source_data import TABLE, Source

RESULTS = "results"


@dataclass(frozen=True)
class Results:
    """A result table, seen by SQL of the tests' own."""

    source: Source
    name: str = RESULTS

    def rows(self, columns: str = "*") -> list[dict[str, Any]]:
        """All of them, as they were created; `result` parsed."""
        with connect(self.source.parameters) as connection:
            found = connection.execute(text(f"SELECT {columns} FROM {self.name} ORDER BY created_at, annotation_uid"))
            rows = [dict(row) for row in found.mappings()]
        for row in rows:
            if isinstance(row.get("result"), (str, bytes)):
                row["result"] = json.loads(row["result"])
        return rows

    def of(self, key: Any) -> list[dict[str, Any]]:
        """Those of a row, whose key is in one column."""
        return [row for row in self.rows() if row["row_key"] == key]

    def execute(self, statement: str, **values: Any) -> None:
        with begin(self.source.parameters) as connection:
            connection.execute(text(statement), values)


def create(source: Source, *options: str, name: str = RESULTS) -> Results:
    """By the command; POLARDB_URL names the database."""
    call_command("create_tables", "--results", name, *options)
    return Results(source, name)


def labeled(
    api: Any, *options: str, table: str = TABLE, name: str = "labeled", results: str = RESULTS
) -> LabelingProject:
    """A project with a target that writes the result table, made by the command; tasks by key."""
    call_command(
        *("provision_project", "--template", "animals", "--source", table, "--name", name, "--result-table", results),
        *options,
    )
    source = PolarDBImportStorage.objects.get(project__title=name)
    run_sync(source, force=True)
    target = PolarDBExportStorage.objects.get(project=source.project, writes_to="result_table")
    tasks = {link.row_key: link.task for link in source.links.select_related("task")}
    return LabelingProject(Provisioned(source.project, source, target, created=True), api, tasks)
