"""All models of the app, where Django looks for them."""

from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, PolarDBImportStorageLink, SyncPart
from polardb_bridge.webhooks.models import PendingWriteback, WritebackMark, WritebackState

__all__ = [
    "Deployment",
    "PendingWriteback",
    "PolarDBExportStorage",
    "PolarDBImportStorage",
    "PolarDBImportStorageLink",
    "StatementRecord",
    "SyncPart",
    "WritebackMark",
    "WritebackState",
]
