"""How often a person may have this server try connections to a database server.

Each try counts there against this machine, which a server blocks after some, and may be a guess at a password.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import Throttled

from polardb_bridge.storage.models import ConnectionTrial

MAX_TRIALS = 20
WITHIN = timedelta(minutes=1)


def count_trial(user: Any, server: str) -> None:
    """Count one more try of `user` at `server` (`host:port`).

    Raises:
        Throttled: there were too many in the last minute (429).
    """
    now = timezone.now()
    ConnectionTrial.objects.filter(at__lt=now - WITHIN).delete()
    # Counted first: many requests at once do not get past one another.
    ConnectionTrial.objects.create(user=user, server=server.lower())
    tried = ConnectionTrial.objects.filter(user=user, server=server.lower()).order_by("at")
    if tried.count() > MAX_TRIALS:
        oldest = tried.values_list("at", flat=True)[0]
        raise Throttled(max(1, (oldest + WITHIN - now).total_seconds()))
