"""What a deployment has as long as nobody has deleted it by hand."""

from __future__ import annotations

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage


def import_storage_of(deployment: Deployment) -> PolarDBImportStorage:
    storage = deployment.import_storage
    assert storage
    return storage


def export_storage_of(deployment: Deployment) -> PolarDBExportStorage:
    storage = deployment.export_storage
    assert storage
    return storage
