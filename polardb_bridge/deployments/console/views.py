"""What administrators see below /polardb/. Every change is a statement, run and recorded as if it were typed."""

from __future__ import annotations

from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.console.administrators import actor_of, for_administrators
from polardb_bridge.deployments.console.listing import listing
from polardb_bridge.deployments.console.offers import Offered
from polardb_bridge.deployments.console.said import for_page
from polardb_bridge.deployments.execution.answers import CHANGED_PASSWORD, Answer
from polardb_bridge.deployments.execution.audit import recorded
from polardb_bridge.deployments.execution.execute import run
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.passwords import reset_password
from polardb_bridge.deployments.status import status_of
from polardb_bridge.deployments.tenancy.organizations import leave_deployment
from polardb_bridge.errors import NoSuchDeploymentError
from polardb_bridge.networks import written
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.statements.names import allow_list_name
from polardb_bridge.statements.syntax import DropDeployment, ShowDeployment, Statement, UpdateWhiteIps
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.webhooks.delivery import retry_now


@require_GET
@for_administrators
def deployments(request: HttpRequest) -> HttpResponse:
    return _page(request, request.GET)


@require_http_methods(["GET", "POST"])
@for_administrators
def deploy(request: HttpRequest) -> HttpResponse:
    """The form, which the page of all deployments fetches: only this asks the database."""
    offered = Offered.read()
    form = offered.form(request.POST) if request.method == "POST" else offered.form()
    is_refused = request.method == "POST"
    if is_refused and not offered.problem and form.is_valid() and _run(request, form.statement()):
        name = form.cleaned_data["name"]
        return redirect(f"{reverse('polardb-console:deployments')}?{urlencode({'q': name})}#{name}")
    context = {"offered": offered, "form": form}
    return render(request, "polardb/console/deploy.html", context, status=400 if is_refused else 200)


@require_POST
@for_administrators
def allow_list(request: HttpRequest, name: str) -> HttpResponse:
    typed = request.POST.get("networks", "")
    deployment = _found(request, name)
    if deployment is None:
        return _back(request)
    # Whoever has had the page open for long would undo what others have allowed or forbidden since.
    before = request.POST.get("before")
    if before is not None and before.split() != deployment.allowed_networks:
        messages.error(
            request,
            _("The addresses of {name} were changed meanwhile, to {networks}. Look at them, and save again.").format(
                name=deployment.name, networks=written(deployment.allowed_networks) or _("none")
            ),
        )
    elif _run(request, UpdateWhiteIps(allow_list_name(name), ",".join(typed.replace(",", " ").split()))):
        return _back(request, deployment)
    return _page(request, QueryDict(request.POST.get("back", "")), typed={name.lower(): typed}, status=400)


@require_POST
@for_administrators
def own_address(request: HttpRequest, name: str) -> HttpResponse:
    """Let whoever presses the button in, beside those who are on the list already."""
    deployment, address = _found(request, name), client_ip(request)
    if deployment and address:
        networks = (*deployment.allowed_networks, address)
        _run(request, UpdateWhiteIps(deployment.white_ip_name, ",".join(networks)))
    elif deployment:
        messages.error(request, _("Your address is not known: type it."))
    return _back(request, deployment)


@require_POST
@for_administrators
def sync(request: HttpRequest, name: str) -> HttpResponse:
    """Compare rows and tasks now, and try again what its row has refused."""
    deployment = _found(request, name)
    if deployment is None:
        return _back(request)
    storages = PolarDBImportStorage.objects.filter(project=deployment.project_id)
    if deployment.is_dropping or not storages:
        messages.error(request, _("{name} has no rows to sync.").format(name=deployment.name))
    with recorded(f"-- sync {deployment.name}", actor_of(request)):
        for storage in storages.filter(synchronizable=True):
            is_new = not storage.is_syncing
            storage.sync()
            said = _("{name} is being synced.") if is_new else _("{name} is being synced already.")
            messages.success(request, said.format(name=deployment.name))
        for target in PolarDBExportStorage.objects.filter(project=deployment.project_id):
            retry_now(target)
    return _back(request, deployment)


@require_http_methods(["GET", "POST"])
@for_administrators
def drop(request: HttpRequest, name: str) -> HttpResponse:
    deployment = _found(request, name)
    if deployment is None:
        return redirect("polardb-console:deployments")
    confirmed = request.POST.get("confirmation") == deployment.name
    if request.method == "POST" and confirmed:
        if _run(request, DropDeployment(deployment.name, force=request.POST.get("force") == "true")):
            return redirect("polardb-console:deployments")
        deployment.refresh_from_db()
    context = {"status": status_of(deployment), "wrong": request.method == "POST" and not confirmed}
    return render(request, "polardb/console/drop.html", context, status=400 if request.method == "POST" else 200)


@require_http_methods(["GET", "POST"])
@for_administrators
def password(request: HttpRequest, name: str) -> HttpResponse:
    """The first password of a deployment, to whoever types their own: a page left open, or a script in it, cannot."""
    if (deployment := _found(request, name)) is None:
        return _back(request)
    name = deployment.name
    context: dict[str, object] = {"name": name}
    if request.method == "POST":
        # Not by login(): nothing else of the session changes.
        if auth.authenticate(request, email=request.user.email, password=request.POST.get("own", "")) != request.user:
            return render(request, "polardb/console/password.html", {**context, "wrong": True}, status=403)
        if request.POST.get("action") == "reset" and not _reset(request, name):
            return _back(request)
        answer = _run(request, ShowDeployment(name))
        if answer is None:
            return _back(request)
        shown = dict(zip(answer.columns, answer.rows[0], strict=True))["password"]
        context |= {"password": shown, "is_valid": shown != CHANGED_PASSWORD}
    return render(request, "polardb/console/password.html", context)


@require_POST
@for_administrators
def label_studio(request: HttpRequest) -> HttpResponse:
    """Back to the administrator's own projects, or to one of them."""
    leave_deployment(request.user)
    project = request.POST.get("project", "")
    if project.isascii() and project.isdigit():
        return redirect("data_manager:project-data", int(project))
    return redirect("projects:project-index")


def _found(request: HttpRequest, name: str) -> Deployment | None:
    """The deployment; if there is none, the next page says so."""
    try:
        deployment: Deployment = Deployment.objects.find(name)
    except NoSuchDeploymentError as error:
        messages.error(request, for_page(str(error)))
        return None
    return deployment


def _reset(request: HttpRequest, name: str) -> bool:
    deployment = _found(request, name)
    if deployment is None:
        return False
    try:
        with recorded(f"-- reset password {deployment.name}", actor_of(request)):
            reset_password(deployment)
    except NoSuchDeploymentError as error:
        messages.error(request, for_page(str(error)))
        return False
    return True


def _run(request: HttpRequest, statement: Statement) -> Answer | None:
    """Run the statement; its answer, if it succeeded. What came of it is shown on the next page."""
    try:
        answer = run(statement, actor_of(request))
    except StatementError as error:
        messages.error(request, for_page(str(error)))
        return None
    for number, line in enumerate(answer.message.splitlines()):
        # Behind the first line stands what will surprise people.
        is_warning = number > 0 or "Warning:" in line
        messages.add_message(request, messages.WARNING if is_warning else messages.SUCCESS, for_page(line))
    return answer


def _back(request: HttpRequest, deployment: Deployment | None = None) -> HttpResponse:
    """To the list as it was, at one deployment."""
    query = QueryDict(request.POST.get("back", "")).urlencode()
    place = (f"?{query}" if query else "") + (f"#{deployment.name}" if deployment else "")
    return redirect(reverse("polardb-console:deployments") + place)


def _page(
    request: HttpRequest, asked: QueryDict, *, typed: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    """The list. typed: as `listing` takes it."""
    address = client_ip(request)
    context = {"listing": listing(asked, address, typed), "client_ip": address}
    return render(request, "polardb/console/deployments.html", context, status=status)
