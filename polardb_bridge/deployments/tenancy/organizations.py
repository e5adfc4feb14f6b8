"""Which organization administrators work in.

Label Studio shows lists of one organization at a time, the active one, to administrators too.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from organizations.models import Organization
from projects.models import Project
from users.models import User


def ensure_organization(user: User) -> Organization:
    """The user's organization; if there is none, it is created as Label Studio does at the first sign-up.

    Nobody is put into the organization of a deployment.
    """
    if user.active_organization:
        return user.active_organization
    free = Organization.objects.filter(deployment=None).order_by("pk")
    organization = free.filter(users=user).first() or free.first()
    if organization is None:
        organization = Organization.create_organization(created_by=user, title="Label Studio")
    elif not organization.has_user(user):
        organization.add_user(user)
    user.active_organization = organization
    user.save(update_fields=["active_organization"])
    return organization


def work_in(user: User, organization: Organization) -> None:
    """Have an administrator see an organization, such as a deployment's, without becoming a member of it."""
    if user.active_organization_id != organization.pk:
        user.active_organization = organization
        user.save(update_fields=["active_organization"])


def leave_deployment(user: User) -> None:
    """Have an administrator who has looked into a deployment work in an organization of their own again."""
    if Organization.objects.filter(pk=user.active_organization_id, deployment__isnull=False).exists():
        user.active_organization = None
        ensure_organization(user)


def connect_signals() -> None:
    """Listen; called once when the app is ready."""
    user_logged_in.connect(administrator_logged_in, dispatch_uid="polardb_administrator_logged_in")


def administrator_logged_in(sender: Any, user: User, **kwargs: Any) -> None:
    """Give an organization to an administrator that a command has created (`createsuperuser`).

    Label Studio answers the login of a user without one with an error (users/views.py, user_login).
    """
    if user.is_superuser:
        ensure_organization(user)


def project_elsewhere(request: HttpRequest) -> dict[str, Any]:
    """A context processor: the project of this page, if it is not in the organization that an administrator works in.

    Label Studio's frontend shows an empty page then.
    """
    user, match = getattr(request, "user", None), request.resolver_match
    is_page = match is not None and match.namespace in ("projects", "data_manager") and "pk" in match.kwargs
    if not is_page or user is None or not user.is_superuser:
        return {}
    project = Project.objects.filter(pk=match.kwargs["pk"]).select_related("organization__deployment").first()
    is_elsewhere = project is not None and project.organization_id != user.active_organization_id
    return {"project_elsewhere": project} if is_elsewhere else {}
