"""How long results took to reach their rows, by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Greatest

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks.models import WritebackDay


def record(storage_id: int, dirty_since: Sequence[datetime], written_at: datetime) -> None:
    """Count rows that have been written, in the caller's transaction.

    dirty_since: when the oldest change that a row lacked was made, one a row.
    """
    if not dirty_since:
        return
    delays = [max(0.0, (written_at - since).total_seconds()) for since in dirty_since]
    of_day = {"storage_id": storage_id, "day": written_at.date()}
    values = {
        "written": F("written") + len(delays),
        "total_s": F("total_s") + sum(delays),
        "slowest_s": Greatest("slowest_s", max(delays)),
    }
    if not WritebackDay.objects.filter(**of_day).update(**values):
        # Two deliveries of a new day: the second one's is passed over, and both count in what there is.
        WritebackDay.objects.bulk_create([WritebackDay(**of_day)], ignore_conflicts=True)
        WritebackDay.objects.filter(**of_day).update(**values)


def drop_gone() -> None:
    """Forget the days of storages that are gone."""
    there = PolarDBExportStorage.objects.filter(pk=OuterRef("storage"))
    gone = WritebackDay.objects.exclude(Exists(there))
    if gone.exists():  # or SQLite's write lock would be taken for nothing
        gone.delete()
