"""A deployment's own address, `/deployments/<name>/`: its login, then its project."""

from __future__ import annotations

from urllib.parse import quote

from core.utils.common import load_func
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.generic import View

from polardb_bridge.deployments.models import Deployment


class DeploymentView(View):
    """Who may use the project lands on it; anybody else sees Label Studio's login with the user filled in.

    Whether the client's address is on the allow-list, `access` decides before.
    """

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        deployment = get_object_or_404(
            Deployment.objects.select_related("user", "project"),
            name__iexact=name,
            user__isnull=False,
            project__isnull=False,
            is_dropping=False,
        )
        target = reverse("data_manager:project-data", args=[deployment.project_id])
        if request.user.is_authenticated:
            if deployment.project.has_permission(request.user):
                return redirect(target)
            # Label Studio's login sends whoever is signed in on to the target, which is not for this user.
            auth.logout(request)
        form = load_func(settings.USER_LOGIN_FORM)()
        form.data = {"email": deployment.user.email}
        return render(request, "users/new-ui/user_login.html", {"form": form, "next": quote(target)})
