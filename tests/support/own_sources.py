"""A project whose storages are made over HTTP, of any table, view or query, by SQL of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from projects.models import Project
from tasks.models import Task

from polardb_bridge.table.connection import begin, connect
from support.source_data import Source
from support.things import MadeStorages

TEXT = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text"><Choice value="good"/>'
    '<Choice value="bad"/></Choices></View>'
)
IMAGE = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image"><Label value="cat"/>'
    "</RectangleLabels></View>"
)
MOOD = {
    "id": "aB3_x",
    "type": "choices",
    "value": {"choices": ["good"]},
    "origin": "manual",
    "to_name": "text",
    "from_name": "mood",
}


@dataclass
class OwnSource(MadeStorages):
    """mapping: as the API takes it. table: what the storage says beside it."""

    api: Any
    source: Source
    user: Any
    mapping: dict[str, Any]
    table: str = "things"
    config: str = TEXT
    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.project = Project.objects.create(
            title="things",
            label_config=self.config,
            organization=self.user.active_organization,
            created_by=self.user,
        )

    def add(self, kind: str = "", **fields: Any) -> Any:
        """Ask for a source, or with `export/` a target; the answer."""
        where = self.source.parameters
        names = ("host", "port", "database", "user", "password")
        form = {name: getattr(where, name) for name in names} | {
            "project": self.project.pk,
            "title": "things",
            "table": self.table,
            "mapping": self.mapping,
            "can_delete_objects": True,
        }
        return self.api.post(f"/api/storages/{kind}polardb", form | self.fields | fields, format="json")

    def begin(self, *kinds: str, **fields: Any) -> None:
        for kind in kinds or ("",):
            made = self.add(kind, **fields)
            assert made.status_code == 201, made.content
        self.sync()

    def refusal(self, kind: str = "", **fields: Any) -> str:
        answer = self.add(kind, **fields)
        assert answer.status_code == 400, answer.content
        return str(answer.json())

    def counts(self) -> tuple[int, int, int, int, int]:
        """Of a sync: tasks created, refreshed, removed, kept outside the filter; rows listed."""
        report = self.sync()
        return report.created, report.updated, report.removed, report.outside, report.failed

    def tasks(self) -> dict[Any, Task]:
        return {task.data["id"]: task for task in self.project.tasks.order_by("pk")}

    def texts(self) -> dict[Any, Any]:
        return {key: task.data["text"] for key, task in self.tasks().items()}

    def submit(self, key: Any, *, deliver: bool = True) -> int:
        url = f"/api/tasks/{self.tasks()[key].pk}/annotations/"
        answer = self.api.post(url, {"result": [MOOD]}, format="json")
        assert answer.status_code == 201, answer.content
        if deliver:
            self.deliver()
        annotation: int = answer.json()["id"]
        return annotation

    def execute(self, *statements: str) -> None:
        with begin(self.source.parameters) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with connect(self.source.parameters) as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]
