"""All models of the app, where Django looks for them."""

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.webhooks.models import PendingWriteback, WritebackState

__all__ = [
    "PendingWriteback",
    "PolarDBExportStorage",
    "PolarDBImportStorage",
    "PolarDBImportStorageLink",
    "WritebackState",
]
