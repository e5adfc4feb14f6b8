"""How often a person may have this server try connections to a database server.

Each try counts there against this machine, which a server blocks after some, and may be a guess at a password.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from rest_framework.exceptions import Throttled

MAX_TRIALS = 20
WITHIN = timedelta(minutes=1)


class ConnectionTrial(models.Model):
    """A person had this server try a connection to a database server (`host:port`); kept for a minute."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    server = models.CharField(max_length=300)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"user {self.user_id} at {self.server}"


def count_trial(user: Any, server: str) -> ConnectionTrial:
    """Count one more try of `user` at `server` (`host:port`).

    Raises:
        Throttled: there were too many in the last minute (429).
    """
    now = timezone.now()
    ConnectionTrial.objects.filter(at__lt=now - WITHIN).delete()
    # Counted first: many requests at once do not get past one another.
    trial: ConnectionTrial = ConnectionTrial.objects.create(user=user, server=server.lower())
    tried = ConnectionTrial.objects.filter(user=user, server=server.lower()).order_by("at")
    if tried.count() > MAX_TRIALS:
        oldest = tried.values_list("at", flat=True)[0]
        raise Throttled(max(1, (oldest + WITHIN - now).total_seconds()))
    return trial
