"""What storages tell the floors above."""

from django.dispatch import Signal

# Sent with `storage`, a PolarDBImportStorage, when a person asks for a sync.
import_sync_requested = Signal()

# Sent with `storage`, a PolarDBExportStorage, when a person asks for all its results to be written again.
export_sync_requested = Signal()

# Sent with `task_ids`, of annotated tasks that an import storage found in its project and has taken for its rows'.
tasks_adopted = Signal()

# Sent with `storage`, a PolarDBImportStorage, and `task_ids`, whose annotations were read from their rows.
annotations_read = Signal()
