"""What administrators see below /polardb/. Every change is a statement, run and recorded as if it were typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import cast

from core.middleware import enforce_csrf_checks
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from polardb_bridge.conf import command_database
from polardb_bridge.deployments.allow_list import open_to_all
from polardb_bridge.deployments.audit import Actor
from polardb_bridge.deployments.client import client_address
from polardb_bridge.deployments.console.forms import DeployForm
from polardb_bridge.deployments.describe import DeploymentRow, all_deployments, describe, describe_all
from polardb_bridge.deployments.execute import run
from polardb_bridge.deployments.lifecycle import address_of, find
from polardb_bridge.deployments.members import leave_deployment
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.deployments.statements import (
    WHITE_IP_PREFIX,
    DropDeployment,
    Statement,
    StatementError,
    UpdateWhiteIps,
)
from polardb_bridge.errors import BridgeError, NoSuchDeploymentError
from polardb_bridge.language import in_readers_language
from polardb_bridge.storage.ui.assets import respond
from polardb_bridge.table import choices
from polardb_bridge.table.choices import Choice
from polardb_bridge.table.connection import connect

RECORDS_A_PAGE = 50

_View = Callable[..., HttpResponseBase]


def _for_administrators(view: _View) -> _View:
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


@dataclass(frozen=True)
class _Line:
    """A deployment as the page shows it.

    networks: its allow-list, one a line; as it was typed where that was refused. is_open: to every address.
    """

    row: DeploymentRow
    networks: str
    is_open: bool
    refused: bool

    @property
    def state(self) -> str:
        """`deploying`, `serving`, `failed` or `dropping`."""
        return self.row.status.split(" ")[0].rstrip(":").lower()

    @property
    def reason(self) -> str:
        """Why it failed."""
        return self.row.status.partition(": ")[2]

    @property
    def total(self) -> int:
        """How many tasks there are to be; of a status `Deploying n/total`."""
        _, _, total = self.row.status.partition("/")
        return int(total) if self.state == "deploying" else self.row.tasks


@require_GET
@_for_administrators
def deployments(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
@_for_administrators
def deploy(request: HttpRequest) -> HttpResponse:
    offered = _Offered.read()
    form = offered.form(request.POST)
    if not offered.problem and form.is_valid() and _run(request, form.statement()):
        return redirect("polardb-console:deployments")
    return _page(request, offered, form, status=400)


@require_POST
@_for_administrators
def allow_list(request: HttpRequest, name: str) -> HttpResponse:
    networks = ",".join(request.POST.get("networks", "").replace(",", " ").split())
    if _run(request, UpdateWhiteIps(f"{WHITE_IP_PREFIX}{name}", networks)):
        return redirect("polardb-console:deployments")
    return _page(request, typed={name.lower(): request.POST.get("networks", "")}, status=400)


@require_http_methods(["GET", "POST"])
@_for_administrators
def drop(request: HttpRequest, name: str) -> HttpResponse:
    try:
        deployment = find(name)
    except NoSuchDeploymentError as error:
        messages.error(request, str(error))
        return redirect("polardb-console:deployments")
    confirmed = request.POST.get("confirmation") == deployment.name
    if request.method == "POST" and confirmed:
        if _run(request, DropDeployment(deployment.name, force=request.POST.get("force") == "true")):
            return redirect("polardb-console:deployments")
        deployment.refresh_from_db()
    context = {"row": describe(deployment), "wrong": request.method == "POST" and not confirmed}
    status = 400 if request.method == "POST" else 200
    return render(request, "polardb/console/drop.html", context, status=status)


@require_GET
@_for_administrators
def statements(request: HttpRequest) -> HttpResponse:
    records = StatementRecord.objects.order_by("-at", "-pk")
    page = Paginator(records, RECORDS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "polardb/console/statements.html", {"page": page})


@require_GET
@_for_administrators
def label_studio(request: HttpRequest) -> HttpResponse:
    """Back to the administrator's own projects."""
    leave_deployment(request.user)
    return redirect("projects:project-index")


@require_GET
def styles(request: HttpRequest) -> HttpResponseBase:
    return respond(request, _read("console.css"), "text/css; charset=utf-8")


@require_GET
def script(request: HttpRequest) -> HttpResponseBase:
    return respond(request, _read("console.js"), "text/javascript; charset=utf-8")


def _read(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


@dataclass(frozen=True)
class _Offered:
    """What can be deployed. problem: why the database cannot be read; empty where it can."""

    templates: list[Choice]
    tables: list[Choice]
    problem: str = ""

    @classmethod
    def read(cls) -> _Offered:
        try:
            database = command_database()
            with connect(database) as connection:
                templates, tables = choices.templates(connection), choices.source_tables(connection)
        except BridgeError as error:
            return cls([], [], str(error))
        taken = set(Deployment.objects.values_list("address", flat=True))
        return cls(templates, [table for table in tables if address_of(table.value, database) not in taken])

    def form(self, *data: object) -> DeployForm:
        return DeployForm(self.templates, self.tables, *data)


def _run(request: HttpRequest, statement: Statement) -> bool:
    """Run the statement; whether it succeeded. What came of it is shown on the next page."""
    actor = Actor(user=request.user, address=client_address(request), via="console")
    try:
        answer = run(statement, actor)
    except StatementError as error:
        messages.error(request, str(error))
        return False
    messages.success(request, answer.message)
    return True


def _page(
    request: HttpRequest,
    offered: _Offered | None = None,
    form: DeployForm | None = None,
    *,
    typed: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """typed: allow-lists as they were typed and refused, by name of the deployment in lower case."""
    offered = offered or _Offered.read()
    found = all_deployments()
    lines = [_line(deployment, row, typed or {}) for deployment, row in zip(found, describe_all(found), strict=True)]
    context = {
        "lines": lines,
        "offered": offered,
        "form": form or offered.form(),
        "client_address": client_address(request),
    }
    return render(request, "polardb/console/deployments.html", context, status=status)


def _line(deployment: Deployment, row: DeploymentRow, typed: dict[str, str]) -> _Line:
    refused = typed.get(deployment.name.lower())
    return _Line(
        row,
        networks="\n".join(deployment.allowed_networks) if refused is None else refused,
        is_open=open_to_all(deployment.allowed_networks),
        refused=refused is not None,
    )
