"""The time by which all processes agree, on however many machines they run."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils import timezone


def now() -> datetime:
    """What Label Studio's database says; with SQLite, all processes share a machine and its clock."""
    if connection.vendor == "sqlite":
        here: datetime = timezone.now()
        return here
    with connection.cursor() as cursor:
        cursor.execute("SELECT STATEMENT_TIMESTAMP()")
        found: datetime = cursor.fetchone()[0]
    return found
