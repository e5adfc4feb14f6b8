"""All models of the app, where Django looks for them."""

from polardb_bridge.deployments.identities.models import BackendUser, EndedSession, TokenCutoff
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.storage.models import (
    ConnectionTrial,
    PolarDBExportStorage,
    PolarDBImportStorage,
    PolarDBImportStorageLink,
    SyncPart,
)
from polardb_bridge.webhooks.models import PendingWriteback, WritebackState

__all__ = [
    "BackendUser",
    "ConnectionTrial",
    "Deployment",
    "EndedSession",
    "PendingWriteback",
    "PolarDBExportStorage",
    "PolarDBImportStorage",
    "PolarDBImportStorageLink",
    "StatementRecord",
    "SyncPart",
    "TokenCutoff",
    "WritebackState",
]
