"""All models of the app, where Django looks for them."""

from polardb_bridge.deployments.identities.models import BackendUser, EndedSession, TokenCutoff
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.storage.images.labeled import LabeledImage
from polardb_bridge.storage.images.unreadable import UnreadableImage
from polardb_bridge.storage.images.verify import Verification
from polardb_bridge.storage.models import (
    PolarDBExportStorage,
    PolarDBImportStorage,
    PolarDBImportStorageLink,
)
from polardb_bridge.storage.sync.models import DismissedRow, KnownTable, RefusedResult, RowMemory, SyncPart, SyncState
from polardb_bridge.storage.trials import ConnectionTrial
from polardb_bridge.webhooks.models import (
    AnnotationSequence,
    PendingWriteback,
    ServerState,
    WritebackDay,
    WritebackLease,
    WritebackMark,
    WritebackState,
)

__all__ = [
    "AnnotationSequence",
    "BackendUser",
    "ConnectionTrial",
    "Deployment",
    "DismissedRow",
    "EndedSession",
    "KnownTable",
    "LabeledImage",
    "PendingWriteback",
    "PolarDBExportStorage",
    "PolarDBImportStorage",
    "PolarDBImportStorageLink",
    "RefusedResult",
    "RowMemory",
    "ServerState",
    "StatementRecord",
    "SyncPart",
    "SyncState",
    "TokenCutoff",
    "UnreadableImage",
    "Verification",
    "WritebackDay",
    "WritebackLease",
    "WritebackMark",
    "WritebackState",
]
