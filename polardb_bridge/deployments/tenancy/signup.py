"""Closing the doors by which people get into Label Studio without an administrator.

Once there is a deployment, there are tenants who must not meet strangers, and Label Studio lets whoever signs up, in
whatever way, into its first organization. Until then, its own settings decide.
"""

from __future__ import annotations

from typing import Any

from core.middleware import enforce_csrf_checks
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from users.functions.common import save_user as label_studio_save_user
from users.views import user_signup

from polardb_bridge.deployments.models import Deployment


def signup_is_closed() -> bool:
    """Whether nobody can join uninvited: once there is a deployment."""
    closed: bool = Deployment.objects.exists()
    return closed


def check_may_invite(user: Any) -> None:
    """Let only administrators let people in while signing up is closed.

    Raises:
        PermissionDenied: the user may not.
    """
    if not user.is_superuser and signup_is_closed():
        raise PermissionDenied("Only administrators may invite people or create users here.")


def check_may_change_login_settings(user: Any) -> None:
    """Let administrators alone decide which tokens an organization takes and how long its sessions last.

    Its owner may, too, while there are no tenants.

    Raises:
        PermissionDenied: the user may not.
    """
    organization = user.active_organization
    # A plain installation may have no administrator: whoever made the organization is in charge of it.
    is_owner = organization is not None and organization.created_by_id == user.pk and not signup_is_closed()
    if not (user.is_superuser or is_owner):
        raise PermissionDenied("Only administrators may change the settings of tokens and sessions.")


def _check_open() -> None:
    if signup_is_closed():
        raise PermissionDenied("Signing up is closed here. Ask an administrator for an account.")


@enforce_csrf_checks
def signup(request: HttpRequest) -> HttpResponse:
    """Label Studio's page to sign up, while that is open."""
    _check_open()
    answer: HttpResponse = user_signup(request)
    return answer


def save_user(request: HttpRequest, next_page: str, user_form: Any) -> HttpResponse:
    """The setting SAVE_USER: creates the user of somebody who signs up, whatever led there."""
    _check_open()
    answer: HttpResponse = label_studio_save_user(request, next_page, user_form)
    return answer


class _SettingsWithoutSignup:
    """Label Studio's settings as its templates read them, with signing up closed."""

    DISABLE_SIGNUP_WITHOUT_LINK = True

    def __getattr__(self, name: str) -> Any:
        return getattr(settings, name)


def no_way_to_sign_up(request: HttpRequest) -> dict[str, Any]:
    """A context processor: strangers' pages show no link to sign up that would lead to a refusal.

    Label Studio asks its own setting alone, and knows of no deployments.
    """
    user = getattr(request, "user", None)
    is_stranger = user is not None and not user.is_authenticated
    return {"settings": _SettingsWithoutSignup()} if is_stranger and signup_is_closed() else {}
