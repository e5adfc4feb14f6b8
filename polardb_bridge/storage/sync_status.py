"""Whether a storage is being synced, and how that begins; Label Studio's own methods where they would not do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from polardb_bridge.storage.clock import is_recent


class SyncStatusMixin(models.Model):
    """Stands before Label Studio's own storage classes, whose fields these methods use."""

    class Meta:
        abstract = True

    @property
    def is_syncing(self) -> bool:
        """Whether a sync waits or runs. One that has not pinged for five progress intervals is dead."""
        if self.status == self.Status.QUEUED:
            return True
        pinged = self.meta.get("time_last_ping")
        if self.status != self.Status.IN_PROGRESS or not pinged:
            return False
        # What Label Studio itself takes for dead (io_storages/base_models.py, health_check).
        return is_recent(pinged, timedelta(seconds=5 * settings.STORAGE_IN_PROGRESS_TIMER))

    def info_update_progress(self, last_sync_count: int, **kwargs: Any) -> None:
        # After a clock was set back, Label Studio's method would wait until it has caught up.
        if datetime.fromisoformat(self.meta["time_last_ping"]) > timezone.now():
            self.meta["time_last_ping"] = str(
                timezone.now() - timedelta(seconds=2 * settings.STORAGE_IN_PROGRESS_TIMER)
            )
        super().info_update_progress(last_sync_count, **kwargs)

    def begin_sync(self) -> bool:
        """From queued to in progress; False if another process has done that, or nobody asked for a sync."""
        with transaction.atomic():
            queued = type(self).objects.filter(pk=self.pk, status=self.Status.QUEUED)
            if not queued.update(status=self.Status.IN_PROGRESS):
                return False
            self.refresh_from_db()
            self.status = self.Status.QUEUED  # as the next line expects it
            self.info_set_in_progress()
        return True

    def job_health_check(self) -> None:
        # Label Studio takes a sync for lost that runs without a job: in a command, or in a serving process.
        if self.last_sync_job:
            super().job_health_check()
