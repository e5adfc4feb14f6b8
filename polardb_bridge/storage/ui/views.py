"""What the browser loads beside Label Studio's own frontend."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import drf_spectacular_sidecar
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from django.views.static import serve

from polardb_bridge.storage.form import read_form_layout
from polardb_bridge.storage.ui import editor, words
from polardb_bridge.web.assets import SCRIPT, STYLES, respond
from polardb_bridge.web.language import in_readers_language

_FOLDER = Path(__file__).with_name("wizard")
_API_DOCS = Path(drf_spectacular_sidecar.__file__).parent / "static" / "drf_spectacular_sidecar"
# One script in this order: what follows uses what comes before.
_PARTS = (
    *(
        "texts",
        "elements",
        "server",
        "provider",
        "offers",
        "chooser",
        "../mapping/words",
        "../mapping/editor",
        "preview",
        "connection",
    ),
    *("review", "refresh", "card", "menu", "start"),
)


@cache
def _script(language: str) -> bytes:
    """The wizard in the language, which is the one that is active."""
    parts = [(_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in _PARTS]
    constants = {
        "LANGUAGE": "zh" if language.startswith("zh") else "en",
        "FORM_LAYOUT": read_form_layout(),
        "TEXTS": words.translations(words.said_in("\n".join(parts))),
        "WORDS": words.translations(words.LABEL_STUDIOS),
    }
    values = [f"const {name} = {json.dumps(value)};\n" for name, value in constants.items()]
    return "\n".join(['(() => {\n"use strict";\n', *values, *parts, "})();\n"]).encode()


@cache
def _styles() -> bytes:
    return b"\n".join(file.read_bytes() for file in (_FOLDER / "wizard.css", editor.STYLES))


@in_readers_language
def script(request: HttpRequest) -> HttpResponseBase:
    return respond(request, _script(get_language() or ""), SCRIPT)


def styles(request: HttpRequest) -> HttpResponseBase:
    return respond(request, _styles(), STYLES)


def api_docs(request: HttpRequest, path: str) -> HttpResponseBase:
    """Scripts and styles of Redoc and Swagger UI."""
    response: HttpResponseBase = serve(request, path, document_root=_API_DOCS)
    return response
