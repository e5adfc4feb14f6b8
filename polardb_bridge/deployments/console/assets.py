"""Scripts and styles of the pages that show more than a list, and Chart.js, which draws the figures."""

from __future__ import annotations

from pathlib import Path

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from polardb_bridge import web
from polardb_bridge.web.assets import respond

_HERE = Path(__file__).parent
CHARTJS = Path(web.__file__).parent / "chartjs" / "chart.umd.min.js"
_SCRIPT, _STYLES = "text/javascript; charset=utf-8", "text/css; charset=utf-8"


@require_GET
def figures_styles(request: HttpRequest) -> HttpResponseBase:
    return respond(request, (_HERE / "figures.css").read_bytes(), _STYLES)


@require_GET
def figures_script(request: HttpRequest) -> HttpResponseBase:
    return respond(request, (_HERE / "figures.js").read_bytes(), _SCRIPT)


@require_GET
def statements_styles(request: HttpRequest) -> HttpResponseBase:
    return respond(request, (_HERE / "statements.css").read_bytes(), _STYLES)


@require_GET
def chartjs(request: HttpRequest) -> HttpResponseBase:
    return respond(request, CHARTJS.read_bytes(), _SCRIPT)
