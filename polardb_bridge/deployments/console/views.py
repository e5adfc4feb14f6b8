"""What administrators see below /polardb/. Every change is a statement, run and recorded as if it were typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import cast

from core.middleware import enforce_csrf_checks
from django.contrib import auth, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from polardb_bridge.conf import command_database
from polardb_bridge.deployments.access.allow_list import open_to_all
from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.console.forms import DeployForm
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.execution.answers import Answer
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.execution.execute import run
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.deployments.status import DeploymentStatus, all_statuses, status_of
from polardb_bridge.deployments.tenancy.organizations import leave_deployment
from polardb_bridge.errors import BridgeError, InvalidInputError, NoSuchDeploymentError
from polardb_bridge.labeling import labeling_config
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.statements.names import allow_list_name
from polardb_bridge.statements.syntax import DropDeployment, ShowDeployment, Statement, UpdateWhiteIps
from polardb_bridge.table import catalog
from polardb_bridge.table.catalog import Offer
from polardb_bridge.table.connection import connect
from polardb_bridge.table.templates import Template
from polardb_bridge.web.assets import respond
from polardb_bridge.web.language import in_readers_language

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

    networks: its allow-list, one a line; as it was typed if that was refused. is_open: to every address.
    """

    status: DeploymentStatus
    networks: str
    is_open: bool
    refused: bool


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
    if _run(request, UpdateWhiteIps(allow_list_name(name), networks)):
        return redirect("polardb-console:deployments")
    return _page(request, typed={name.lower(): request.POST.get("networks", "")}, status=400)


@require_http_methods(["GET", "POST"])
@_for_administrators
def drop(request: HttpRequest, name: str) -> HttpResponse:
    try:
        deployment = Deployment.objects.find(name)
    except NoSuchDeploymentError as error:
        messages.error(request, in_page_language(str(error)))
        return redirect("polardb-console:deployments")
    confirmed = request.POST.get("confirmation") == deployment.name
    if request.method == "POST" and confirmed:
        if _run(request, DropDeployment(deployment.name, force=request.POST.get("force") == "true")):
            return redirect("polardb-console:deployments")
        deployment.refresh_from_db()
    context = {"status": status_of(deployment), "wrong": request.method == "POST" and not confirmed}
    return render(request, "polardb/console/drop.html", context, status=400 if request.method == "POST" else 200)


@require_http_methods(["GET", "POST"])
@_for_administrators
def password(request: HttpRequest, name: str) -> HttpResponse:
    """The first password of a deployment, to whoever types their own: a page left open, or a script in it, cannot."""
    context: dict[str, object] = {"name": name}
    if request.method == "POST":
        # Not by login(): nothing else of the session changes.
        if auth.authenticate(request, email=request.user.email, password=request.POST.get("own", "")) != request.user:
            return render(request, "polardb/console/password.html", {**context, "wrong": True}, status=403)
        answer = _run(request, ShowDeployment(name))
        if answer is None:
            return redirect("polardb-console:deployments")
        context["password"] = dict(zip(answer.columns, answer.rows[0], strict=True))["password"]
    return render(request, "polardb/console/password.html", context)


@require_GET
@_for_administrators
def statements(request: HttpRequest) -> HttpResponse:
    records = StatementRecord.objects.order_by("-at", "-pk")
    page = Paginator(records, RECORDS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "polardb/console/statements.html", {"page": page})


@require_POST
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
    """What can be deployed. problem: why the database cannot be read; empty if it can.

    unfit: what is there and DEPLOY would refuse, with the reason.
    """

    templates: list[Offer]
    tables: list[Offer]
    problem: str = ""
    unfit: tuple[Offer, ...] = ()

    @classmethod
    def read(cls) -> _Offered:
        try:
            database = command_database()
            with connect(database) as connection:
                templates = [_offer(*template) for template in catalog.templates(connection)]
                tables = catalog.source_tables(connection)
        except BridgeError as error:
            return cls([], [], in_page_language(str(error)))
        taken = set(Deployment.objects.values_list("table_address", flat=True))
        free = [table for table in tables if database.table_address(table.value) not in taken]
        return cls(
            [template for template in templates if not template.problem],
            [table for table in free if not table.problem],
            unfit=tuple(
                replace(offer, problem=in_page_language(offer.problem))
                for offer in (*templates, *free)
                if offer.problem
            ),
        )

    def form(self, *data: object) -> DeployForm:
        return DeployForm(self.templates, self.tables, *data)


def _offer(template: Template, problem: str) -> Offer:
    try:
        if not problem:
            labeling_config(template.schema)
    except InvalidInputError as error:
        problem = in_page_language(str(error))
    return Offer(str(template.id), template.name, problem=problem)


def _run(request: HttpRequest, statement: Statement) -> Answer | None:
    """Run the statement; its answer, if it succeeded. What came of it is shown on the next page."""
    actor = Actor(user=request.user, client_ip=client_ip(request), via="console")
    try:
        answer = run(statement, actor)
    except StatementError as error:
        messages.error(request, in_page_language(str(error)))
        return None
    if answer.message:
        messages.success(request, in_page_language(answer.message))
    return answer


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
    lines = [_line(status, typed or {}) for status in all_statuses()]
    context = {
        "lines": lines,
        "offered": offered,
        "form": form or offered.form(),
        "client_ip": client_ip(request),
    }
    return render(request, "polardb/console/deployments.html", context, status=status)


def _line(status: DeploymentStatus, typed: dict[str, str]) -> _Line:
    refused = typed.get(status.name.lower())
    return _Line(
        replace(status, reason=in_page_language(status.reason)),
        networks="\n".join(status.allowed_networks) if refused is None else refused,
        is_open=open_to_all(status.allowed_networks),
        refused=refused is not None,
    )
