"""Deployments of the documented table, open to the test client."""

from __future__ import annotations

from typing import Any

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from support.source_data import TABLE, region

REQUEST = DeployModel(model="Label-Studio", name="mark_animal", template_id="1", source=TABLE)


def open_here(deployment: Deployment) -> None:
    """Let the test client in."""
    deployment.allowed_networks = ["127.0.0.1/32"]
    deployment.save()


def annotate(task: Any, user: Any) -> Any:
    from tasks.models import Annotation

    return Annotation.objects.create(task=task, project=task.project, completed_by=user, result=[region()])


def import_storage_of(deployment: Deployment) -> PolarDBImportStorage:
    storage: PolarDBImportStorage = PolarDBImportStorage.objects.get(project=deployment.project)
    return storage


def export_storage_of(deployment: Deployment) -> PolarDBExportStorage:
    storage: PolarDBExportStorage = PolarDBExportStorage.objects.get(project=deployment.project)
    return storage


def first_password_of(deployment: Deployment) -> str:
    """What the deployment's user signs in with, as long as nobody has changed it."""
    password = deployment.reveal_password()
    assert password
    return password
