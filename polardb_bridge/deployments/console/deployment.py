"""A page per deployment: how far it is, what is wrong with which rows, and its ML backends."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.console import figures
from polardb_bridge.deployments.console.administrators import actor_of, for_administrators
from polardb_bridge.deployments.console.listing import line_of
from polardb_bridge.deployments.execution.audit import recorded
from polardb_bridge.deployments.figures.progress import progress_of
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.status import status_of
from polardb_bridge.label_studio.ml_backends import backends_of, connect_backend
from polardb_bridge.statements.errors import UNKNOWN_ERROR, StatementError
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.writeback_status import writeback_statuses


class BackendForm(forms.Form):
    """What Label Studio asks for, too."""

    url = forms.URLField(
        label=gettext_lazy("URL"),
        assume_scheme="http",
        widget=forms.URLInput(attrs={"placeholder": "http://host:9090"}),
    )
    title = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    basic_auth_user = forms.CharField(label=gettext_lazy("User"), required=False, max_length=256)
    basic_auth_pass = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        max_length=1024,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    is_interactive = forms.BooleanField(label=gettext_lazy("Suggest while people label"), required=False)

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        # It is recorded and shown.
        if "@" in urlsplit(url).netloc:
            raise forms.ValidationError(_("Enter user and password in the fields for them."))
        return url


@require_GET
@for_administrators
def deployment(request: HttpRequest, name: str) -> HttpResponse:
    return _page(request, _find(name))


@require_GET
@for_administrators
def sheet(request: HttpRequest, name: str, sheet: str) -> HttpResponse:
    """One of the page's tables, with all its rows, as CSV."""
    found = _find(name)
    chosen = figures.in_full(sheet, found.project, timezone.now()) if found.project else None
    if chosen is None:
        raise Http404
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.name}-{chosen.name}.csv"'
    chosen.write_csv(response)
    return response


@require_POST
@for_administrators
def ml_backend(request: HttpRequest, name: str) -> HttpResponse:
    found = _find(name)
    form = BackendForm(request.POST)
    if found.project is None or not form.is_valid():
        return _page(request, found, form, status=400)
    url = form.cleaned_data["url"]
    try:
        with recorded(f"-- ML backend {url} for {found.name}", actor_of(request)):
            problems = connect_backend(found.project, **form.cleaned_data)
            if problems:
                raise StatementError(UNKNOWN_ERROR, " ".join(problems))
    except StatementError as error:
        form.add_error(None, error.message)
        return _page(request, found, form, status=400)
    messages.success(request, _("The ML backend {url} is connected.").format(url=url))
    return redirect("polardb-console:deployment", name=found.name)


def _find(name: str) -> Deployment:
    deployments = Deployment.objects.select_related("user", "organization", "project")
    found: Deployment = get_object_or_404(deployments, name__iexact=name)
    return found


def _page(
    request: HttpRequest, found: Deployment, form: BackendForm | None = None, *, status: int = 200
) -> HttpResponse:
    standing = status_of(found)
    line = line_of(standing, client_ip(request))
    context: dict[str, Any] = {"line": line, "status": line.status}
    if found.project:
        now = timezone.now()
        progress = progress_of(found.project, now)
        targets = writeback_statuses(PolarDBExportStorage.objects.filter(project=found.project))
        context |= {
            "tiles": figures.tiles(progress, standing.pending_writebacks),
            "late": [text for target in targets for text in figures.lateness(target)],
            "sheets": figures.all_sheets(found.project, progress, now),
            "failed": figures.failed(found.project),
            "backends": backends_of(found.project),
            "form": form or BackendForm(),
        }
    return render(request, "polardb/console/deployment.html", context, status=status)
