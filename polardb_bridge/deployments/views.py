"""A deployment's own url, `/deployments/<name>/`: its login, then its project; and its user's password.

`access` has decided before whether the client is on the allow-list.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from core.utils.common import load_func
from django.conf import settings
from django.contrib import auth
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.generic import View

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.tenancy.organizations import work_in


def _find(name: str) -> Deployment:
    deployments = Deployment.objects.select_related("user", "organization", "project")
    deployment: Deployment = get_object_or_404(
        deployments, name__iexact=name, user__isnull=False, project__isnull=False, is_dropping=False
    )
    return deployment


class DeploymentView(View):
    """Who may use the project lands on it; anybody else sees Label Studio's login with the user filled in.

    Whoever is signed in as somebody else, or works elsewhere as an administrator, is asked first: a link that others
    send signs nobody out, and moves nobody into another organization.
    """

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        deployment = _find(name)
        if not request.user.is_authenticated:
            form = load_func(settings.USER_LOGIN_FORM)()
            form.data = {"email": deployment.user.email}
            target = quote(_project_path(deployment))
            return render(request, "users/new-ui/user_login.html", {"form": form, "next": target})
        if deployment.organization_id in (None, request.user.active_organization_id) and (
            deployment.project.has_permission(request.user)
        ):
            return redirect(_project_path(deployment))
        return render(request, "polardb/enter.html", {"deployment": deployment})

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        deployment = _find(name)
        if request.user.is_superuser and deployment.organization:
            work_in(request.user, deployment.organization)
            return redirect(_project_path(deployment))
        # Label Studio's login sends whoever is signed in on to the target, which is not for this user.
        auth.logout(request)
        return redirect(reverse("polardb-deployment", args=[deployment.name]))


def _project_path(deployment: Deployment) -> str:
    return str(reverse("data_manager:project-data", args=[deployment.project_id]))


class PasswordView(PasswordChangeView):
    """Where a deployment's user chooses a password: Label Studio has no page for that."""

    template_name = "polardb/password.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        deployment = _find(kwargs["name"])
        self.success_url = reverse("polardb-deployment", args=[deployment.name])
        if request.user != deployment.user:
            return redirect(self.success_url)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response
