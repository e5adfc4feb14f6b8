"""What is recent, and who is alive, although clocks are set and differ."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models.expressions import Combinable
from django.db.models.functions import Now
from django.utils import timezone


def alive() -> tuple[Combinable, Combinable]:
    """When the last sign of life of a process that lives can have been, by the clock of Label Studio's database.

    It gives one every two seconds (sync/lease.py), and may miss some. What lies ahead was written before the clock was
    set back.
    """
    dead_after = timedelta(seconds=4 * settings.STORAGE_IN_PROGRESS_TIMER)
    return Now() - dead_after, Now() + dead_after


def is_recent(time: str, period: timedelta) -> bool:
    """Whether `time`, as Label Studio keeps it, is no longer ago than `period`; not if the clock was set back since."""
    return bool(timedelta(0) <= timezone.now() - datetime.fromisoformat(time) < period)
