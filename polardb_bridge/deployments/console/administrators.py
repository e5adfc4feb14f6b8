"""Who may use the operator's pages, and as whom they act."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import cast

from core.middleware import enforce_csrf_checks
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache

from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.web.language import in_readers_language

_View = Callable[..., HttpResponseBase]


def for_administrators(view: _View) -> _View:
    """The view for administrators, in their language; others are sent to the login (302) or refused (403)."""

    @enforce_csrf_checks
    @never_cache
    @wraps(view)
    def checked(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), "user-login")
        if not request.user.is_superuser:
            raise PermissionDenied
        return in_readers_language(view)(request, *args, **kwargs)

    return cast(_View, checked)


def actor_of(request: HttpRequest) -> Actor:
    """Who is recorded for what the request does."""
    return Actor(user=request.user, client_ip=client_ip(request), via="console")
