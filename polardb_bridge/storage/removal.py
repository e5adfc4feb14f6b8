"""Whether a storage is being removed: then it is not synced, but if the removal was killed, after a while it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

# Longer than the removal of the largest project.
REMOVAL_MAX_S = 3600


def may_be_synced(storage: Any) -> bool:
    """Whether `storage`, as it is in the database now, is not being removed.

    A removal begins with a sign of life in the state of its sync (sync/stopping.py). Deployments that are being dropped
    stay so until that is repeated.
    """
    if storage.synchronizable:
        return True
    if getattr(getattr(storage.project, "deployment", None), "is_dropping", False):
        return False
    removed = type(storage).objects.filter(
        pk=storage.pk, sync_state__beat_at__lt=Now() - timedelta(seconds=REMOVAL_MAX_S)
    )
    storage.synchronizable = bool(removed.update(synchronizable=True))
    return bool(storage.synchronizable)
