"""The login of a deployment's user, refused from elsewhere before the password is looked at."""

from __future__ import annotations

from typing import Any

from core.current_request import CurrentContext
from django.core.exceptions import PermissionDenied as LoginRefused
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from rest_framework.exceptions import PermissionDenied
from users.models import User

from polardb_bridge.deployments.access.allow_list import check_allow_list_of
from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.access.guesses import too_many
from polardb_bridge.deployments.access.refusal import Refusal, refuse
from polardb_bridge.deployments.models import LOGIN_DOMAIN, Deployment
from polardb_bridge.deployments.tenancy.signup import signup_is_closed


class AddressBackend:
    """Refuses the login of a deployment's user from elsewhere; leaves all others to the other backends.

    It looks at no password: an attacker learns nothing about it, and cannot guess at it, from a refused address.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        # Label Studio's login passes no request on (users/forms.py, LoginForm).
        request = request or CurrentContext.get_request()
        name = credentials.get("email") or credentials.get(User.USERNAME_FIELD) or credentials.get("username")
        if request is None:
            return
        user = User.objects.filter(email__iexact=name).first() if name else None
        try:
            if user is None:
                self._check_no_user(request, name)
            else:
                check_allow_list_of(request, user)
        except PermissionDenied:
            raise LoginRefused from None
        # Not before: whoever comes from a closed address gets the same answer each time.
        if too_many(client_ip(request), name):
            # Label Studio's form shows it.
            raise ValidationError("Too many attempts to sign in from your address: try again in a minute.")

    @staticmethod
    def _check_no_user(request: HttpRequest, name: str | None) -> None:
        """Answer for the user of a deployment that is not there as for one that is closed: nobody finds names so."""
        if name and name.lower().endswith(f"@{LOGIN_DOMAIN}") and signup_is_closed():
            refuse(request, Refusal(client_ip(request), Deployment(name=""), named=False))
