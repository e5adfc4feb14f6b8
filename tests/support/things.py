"""A table that nobody made for labeling, and a project of it whose storages were made over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from projects.models import Project
from tasks.models import Task

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.webhooks.delivery import deliver_due
from support.source_data import Source


class MadeStorages:
    """A source, and perhaps a target, which are the only ones."""

    def sync(self) -> SyncReport:
        return run_sync(self.storage, force=True)

    def deliver(self) -> None:
        reports = deliver_due()
        assert not any(report.error for report in reports.values()), reports

    @property
    def storage(self) -> PolarDBImportStorage:
        found: PolarDBImportStorage = PolarDBImportStorage.objects.get()
        return found

    @property
    def target(self) -> PolarDBExportStorage:
        found: PolarDBExportStorage = PolarDBExportStorage.objects.get()
        return found


@dataclass
class Labeling(MadeStorages):
    """A project whose storages were made over HTTP, as its members would, of the table `things`."""

    api: Any
    source: Source
    form: dict[str, Any]
    mapping: dict[str, Any]

    def add(self, kind: str = "", **fields: Any) -> Any:
        """Ask for a storage; the answer."""
        form = {**self.form, "mapping": self.mapping, **fields}
        return self.api.post(f"/api/storages/{kind}polardb", form, format="json")

    def begin(self, **fields: Any) -> None:
        for kind in ("", "export/"):
            made = self.add(kind, can_delete_objects=True, **fields)
            assert made.status_code == 201, made.content
        self.sync()

    def data(self) -> dict[int, dict[str, Any]]:
        """What the tasks hold beside the row's key and name, by key."""
        tasks = [dict(task.data) for task in Task.objects.order_by("pk")]
        assert all(task.pop("original_name") for task in tasks)
        return {task.pop("id"): task for task in tasks}

    def task(self, key: int) -> Task:
        return Task.objects.get(data__id=key)

    def submit(self, key: int, result: dict[str, Any]) -> int:
        url = f"/api/tasks/{self.task(key).pk}/annotations/"
        answer = self.api.post(url, {"result": [result]}, format="json")
        assert answer.status_code == 201, answer.content
        annotation: int = answer.json()["id"]
        self.deliver()
        return annotation

    def execute(self, statement: str, **values: Any) -> None:
        with begin(self.source.parameters) as connection:
            connection.execute(sa.text(statement), values)

    def insert(self, key: int, **values: Any) -> None:
        """A row of `things`."""
        names = ["id", *values]
        marks = ", ".join(f":{name}" for name in names)
        self.execute(f"INSERT INTO things ({', '.join(names)}) VALUES ({marks})", id=key, **values)

    def rows(self) -> list[dict[str, Any]]:
        with connect(self.source.parameters) as connection:
            return [dict(row) for row in connection.execute(sa.text("SELECT * FROM things ORDER BY id")).mappings()]

    def result(self, key: int) -> Any:
        [text] = [row["answer"] for row in self.rows() if row["id"] == key]
        return None if text is None else json.loads(text)

    def show(self, config: str) -> None:
        project = Project.objects.get(pk=self.form["project"])
        project.label_config = config
        project.save()
