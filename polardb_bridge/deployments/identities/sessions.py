"""Sessions end when their user signs out.

Label Studio keeps a session in its signed cookie, and signing out only removes that from one browser.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_out
from django.db.models import Exists
from django.http import HttpRequest
from django.utils import timezone

from polardb_bridge.deployments.identities.models import EndedSession


def session_uid(request: HttpRequest) -> str | None:
    """The number of the session that somebody is signed in by; None if that is done in another way."""
    session = getattr(request, "session", None)
    return session.get("uid") if session is not None and SESSION_KEY in session else None


def is_ended(uid: str | None) -> Exists:
    """Whether the session has been ended, as part of another query."""
    return Exists(EndedSession.objects.filter(uid=uid or ""))


def has_ended(uid: str | None) -> bool:
    """Whether the session has been ended."""
    return uid is not None and bool(EndedSession.objects.filter(uid=uid).exists())


def connect_signals() -> None:
    """Listen; called once when the app is ready."""
    user_logged_out.connect(signed_out, dispatch_uid="polardb_signed_out")


def signed_out(sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
    uid = session_uid(request)
    if uid:
        EndedSession.objects.get_or_create(uid=uid)
        # An older cookie is refused for its age.
        longest = timedelta(seconds=max(settings.SESSION_COOKIE_AGE, settings.MAX_SESSION_AGE))
        EndedSession.objects.filter(at__lt=timezone.now() - longest).delete()
