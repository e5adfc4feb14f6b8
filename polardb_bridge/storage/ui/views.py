"""What the browser loads beside Label Studio's own frontend."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import drf_spectacular_sidecar
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.static import serve

from polardb_bridge.storage.form import read_form_layout
from polardb_bridge.web.assets import SCRIPT, STYLES, respond

_FOLDER = Path(__file__).with_name("wizard")
_API_DOCS = Path(drf_spectacular_sidecar.__file__).parent / "static" / "drf_spectacular_sidecar"
# One script in this order: what follows uses what comes before.
_PARTS = ("elements", "provider", "connection", "preview", "review", "card", "menu", "start")


@cache
def _script() -> bytes:
    parts = [(_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in _PARTS]
    form = f"const FORM_LAYOUT = {json.dumps(read_form_layout())};\n"
    return "\n".join(['(() => {\n"use strict";\n', form, *parts, "})();\n"]).encode()


@cache
def _styles() -> bytes:
    return (_FOLDER / "wizard.css").read_bytes()


def script(request: HttpRequest) -> HttpResponseBase:
    return respond(request, _script(), SCRIPT)


def styles(request: HttpRequest) -> HttpResponseBase:
    return respond(request, _styles(), STYLES)


def api_docs(request: HttpRequest, path: str) -> HttpResponseBase:
    """Scripts and styles of Redoc and Swagger UI."""
    response: HttpResponseBase = serve(request, path, document_root=_API_DOCS)
    return response
