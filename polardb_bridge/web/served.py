"""The port at which Label Studio is served here, for the urls that are shown while LABEL_STUDIO_HOST is not set.

A command in another shell knows nothing of the server's options: servers leave their port in the data folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def port() -> str:
    """That of the server that was last started or asked; until there is one, that of `polardb-bridge start`."""
    with contextlib.suppress(OSError):
        kept = _file().read_text(encoding="ascii", errors="replace").strip()
        if kept.isascii() and kept.isdigit():
            return kept
    return str(settings.INTERNAL_PORT)


def remember(served_at: str) -> None:
    """Keep it, if the folder can be written."""
    with contextlib.suppress(OSError):
        if not _file().exists() or port() != served_at:
            _file().write_text(served_at, encoding="ascii")


def _file() -> Path:
    return Path(settings.BASE_DATA_DIR) / "polardb_bridge_port"


def remember_port(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: keep the port of the server that runs this process, once."""
    is_known = False

    def respond(request: HttpRequest) -> HttpResponse:
        nonlocal is_known
        # Where a test's client asks, there is no server.
        if not is_known and request.META.get("SERVER_SOFTWARE") and request.META.get("SERVER_PORT", "").isdigit():
            remember(request.META["SERVER_PORT"])
            is_known = True
        return get_response(request)

    return respond
