"""What storages tell the floors above."""

from django.dispatch import Signal

# Sent with `storage`, a PolarDBImportStorage, when a person asks for a sync.
import_sync_requested = Signal()

# Sent with `storage`, a PolarDBExportStorage, when a person asks for all its results to be written again.
export_sync_requested = Signal()
