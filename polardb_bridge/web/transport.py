"""Browsers come by HTTPS only."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def strict_transport(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: tell browsers so, also if HTTPS ends at a proxy that says nothing of it.

    Django's own header is for requests that it knows to be encrypted; browsers pass it over in others.
    """

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if settings.SECURE_HSTS_SECONDS:
            response.headers.setdefault("Strict-Transport-Security", f"max-age={settings.SECURE_HSTS_SECONDS}")
        return response

    return respond
