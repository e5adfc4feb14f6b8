"""What the editor of templates previews: Label Studio's editor in a frame, and pictures to look at in it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from polardb_bridge.conf import configuration
from polardb_bridge.deployments.console.administrators import for_administrators
from polardb_bridge.deployments.console.database import asked
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.errors import BridgeError
from polardb_bridge.label_studio.preview import Editor, SampleTask, find_editor, sample_task
from polardb_bridge.table import catalog
from polardb_bridge.table.preview import read_next_picture
from polardb_bridge.table.schema import source_table, validate_table
from polardb_bridge.web.assets import STYLES, respond

MAX_TABLES = 200
# Only what this server serves, and what the message itself brings.
_SAMPLE = Path(__file__).with_name("sample.svg")
_PAGE = Path(__file__).with_name("preview.css")
# As Label Studio's own styles name its fonts (react-app/main.css).
_FONT = re.compile(r"""url\(["']?[^"'()]*/(fonts/[\w.-]+)["']?\)""")
_SOURCES = ("'self'", "data:", "blob:")


def editor() -> Editor | None:
    """Label Studio's editor; None if this release has it in a way that is not known: then there is no preview."""
    return find_editor(Path(settings.REACT_APP_ROOT))


@require_GET
@for_administrators
def preview(request: HttpRequest) -> HttpResponse:
    """The frame. It runs what a template says in the sandbox: it has no cookies, and no way to the page around it."""
    found = editor()
    chunks = ",".join(map(str, found.chunks)) if found else ""
    context = {"chunks": chunks, "module": found.module if found else ""}
    response = render(request, "polardb/console/preview.html", context, status=200 if found else 501)
    # Our own page frames it, also where nobody else may frame that.
    ancestors = {"'self'", *configuration().frame_ancestors} - {"'none'"}
    response._csp_replace = {
        "sandbox": "allow-scripts",
        "connect-src": _SOURCES,
        "img-src": _SOURCES,
        "media-src": _SOURCES,
        "frame-ancestors": " ".join(sorted(ancestors)),
    }
    if ancestors == {"'self'"}:
        response["X-Frame-Options"] = "SAMEORIGIN"
    return response


@require_GET
def preview_css(request: HttpRequest) -> HttpResponseBase:
    return respond(request, _styles(), STYLES)


@cache
def _styles() -> bytes:
    """Label Studio's, with the fonts in them: a sandbox, being of another origin, is not given those by an address."""
    label_studio = Path(settings.REACT_APP_ROOT) / "main.css"
    styles = label_studio.read_text(encoding="utf-8") if label_studio.exists() else ""
    return "\n".join([_FONT.sub(_with_data, styles), _PAGE.read_text(encoding="utf-8")]).encode()


def _with_data(named: re.Match[str]) -> str:
    file = finders.find(named[1])
    if not file:
        return named[0]
    data = base64.b64encode(Path(file).read_bytes()).decode("ascii")
    return f"url(data:font/ttf;base64,{data})"


def frames_itself(response: HttpResponse) -> HttpResponse:
    """The page, which may hold a frame of this server."""
    response._csp_update = {"frame-src": "'self'"}
    return response


def sample_for(config: str) -> SampleTask:
    """What the preview of a labeling config shows, but for pictures."""
    found = sample_task(config, _("A sample text: the texts of your rows will stand here."))
    found.data["original_name"] = _("sample text")
    return found


@require_GET
@for_administrators
def sample(request: HttpRequest) -> JsonResponse:
    """A picture of ours, as `picture` gives those of rows."""
    data = base64.b64encode(_SAMPLE.read_bytes()).decode("ascii")
    return JsonResponse({"image": f"data:image/svg+xml;base64,{data}", "original_name": _SAMPLE.name})


@require_GET
@for_administrators
def tables(request: HttpRequest) -> JsonResponse:
    """The names of the tables whose rows have pictures."""
    return _asked(
        lambda connection: {
            "tables": [offer.value for offer in catalog.source_tables(connection) if not offer.problem][:MAX_TABLES]
        }
    )


@require_GET
@for_administrators
def picture(request: HttpRequest) -> JsonResponse:
    """The picture of a row of `table`: the one that comes after the row `after`, or the first."""
    after = request.GET.get("after", "")
    return _asked(
        lambda connection: _next(
            connection, request.GET.get("table", ""), int(after[:18]) if after.isascii() and after.isdecimal() else None
        )
    )


def _next(connection: sa.Connection, table: str, after: int | None) -> dict[str, Any]:
    pictures = source_table(table)
    validate_table(connection, pictures)
    found = read_next_picture(connection, pictures, after)
    if found is None:
        return {"problem": _("The table has no rows.")}
    return asdict(found)


def _asked(ask: Callable[[sa.Connection], dict[str, Any]]) -> JsonResponse:
    """What comes of asking the database, or `{"problem": …}`."""
    try:
        with asked() as connection:
            return JsonResponse(ask(connection))
    except BridgeError as error:
        return JsonResponse({"problem": in_page_language(str(error))})
