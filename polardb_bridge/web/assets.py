"""Scripts and styles of our pages. Not below /static/, which web servers in front of Label Studio answer themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_cache_control
from django.views.decorators.http import require_GET

# It draws charts; its licences are beside it.
CHARTJS = Path(__file__).parent / "chartjs" / "chart.umd.min.js"
SCRIPT, STYLES = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
_TYPES = {".js": SCRIPT, ".css": STYLES}


def asset(file: Path) -> Callable[[HttpRequest], HttpResponseBase]:
    """A view of a script or style sheet."""

    def view(request: HttpRequest) -> HttpResponseBase:
        return respond(request, file.read_bytes(), _TYPES[file.suffix])

    checked: Callable[[HttpRequest], HttpResponseBase] = require_GET(view)
    return checked


def respond(request: HttpRequest, content: bytes, content_type: str) -> HttpResponseBase:
    """The content, or 304 if the browser has it."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    response = HttpResponse(content, content_type=content_type, headers={"ETag": etag})
    # Asked for on every page, sent only when it has changed.
    patch_cache_control(response, no_cache=True)
    return get_conditional_response(request, etag, response=response) or response
