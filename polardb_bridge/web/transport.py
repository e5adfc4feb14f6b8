"""Whether browsers come by HTTPS, which mostly ends at a proxy; and that they come by it only."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from polardb_bridge.conf import configuration
from polardb_bridge.networks import contains

FORWARDED = "HTTP_X_FORWARDED_PROTO"


def believe_proxies(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: `X-Forwarded-Proto` is believed of the proxies in POLARDB_TRUSTED_PROXIES, and of nobody else."""

    def respond(request: HttpRequest) -> HttpResponse:
        proxies = configuration().trusted_proxies
        peer = request.META.get("REMOTE_ADDR", "")
        if contains(proxies.networks, peer) if peer else proxies.unix_socket:
            # As Django reads it: what the browser used stands first.
            scheme = request.META.get(FORWARDED, "").split(",")[0].strip().lower()
            if scheme in ("http", "https"):
                request.META["wsgi.url_scheme"] = scheme
        else:
            request.META.pop(FORWARDED, None)
        return get_response(request)

    return respond


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
