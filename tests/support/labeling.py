"""A provisioned project, and the annotation API as the browser calls it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dev.servers import MariaDB
from polardb_bridge.deployments.projects import ProvisionedProject, provision_project
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, dispose
from polardb_bridge.table.keys import Key
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.webhooks.delivery import deliver_due
from support.source_data import TABLE, Source


@dataclass(frozen=True)
class Provisioned(ProvisionedProject):
    """A project with both of its storages."""

    import_storage: PolarDBImportStorage
    export_storage: PolarDBExportStorage


def provision(parameters: ConnectionParameters, name: str = "animals", owner: Any = None) -> Provisioned:
    """A project on the documented table; not synced yet."""
    made = provision_project(parameters, template="animals", source=TABLE, name=name, owner=owner)
    assert made.import_storage
    assert made.export_storage
    return Provisioned(made.project, made.import_storage, made.export_storage, made.created)


@dataclass
class LabelingProject:
    """A synced project; tasks by key."""

    provisioned: Provisioned
    api: Any
    tasks: dict[Any, Any]

    @property
    def export_storage(self) -> PolarDBExportStorage:
        return self.provisioned.export_storage

    def submit(self, row_id: Key, *regions: dict[str, Any], **fields: Any) -> int:
        """Submit an annotation of the row's task; its id."""
        answer = self.api.post(
            f"/api/tasks/{self.tasks[row_id].pk}/annotations/", {"result": list(regions), **fields}, format="json"
        )
        assert answer.status_code == 201, answer.content
        annotation_id: int = answer.json()["id"]
        return annotation_id

    def deliver(self) -> None:
        reports = deliver_due()
        assert not any(report.error for report in reports.values()), reports


@contextmanager
def second_project(server: MariaDB, user: Any) -> Iterator[tuple[Source, Any]]:
    """A project of one row on another server: its table and its task."""
    admin = ConnectionParameters.from_url(server.url("mysql"))
    name = f"second_{secrets.token_hex(4)}"
    with begin(admin) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    parameters = ConnectionParameters(admin.host, name, admin.user, admin.password, admin.port)
    source = Source.create(parameters)
    source.add_images(1)
    provisioned = provision(parameters, name, user)
    run_sync(provisioned.import_storage)
    yield source, provisioned.project.tasks.get()
    dispose(parameters)
