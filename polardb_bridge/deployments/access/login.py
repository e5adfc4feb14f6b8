"""The login of a deployment's user, refused from elsewhere before the password is looked at."""

from __future__ import annotations

from typing import Any

from core.current_request import CurrentContext
from django.core.exceptions import PermissionDenied as LoginRefused
from django.http import HttpRequest
from rest_framework.exceptions import PermissionDenied
from users.models import User

from polardb_bridge.deployments.access.allow_list import check_allow_list_of


class AddressBackend:
    """Refuses the login of a deployment's user from elsewhere; leaves all others to the other backends.

    It looks at no password: an attacker learns nothing about it, and cannot guess at it, from a refused address.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        # Label Studio's login passes no request on (users/forms.py, LoginForm).
        request = request or CurrentContext.get_request()
        name = credentials.get("email") or credentials.get(User.USERNAME_FIELD) or credentials.get("username")
        user = User.objects.filter(email__iexact=name).first() if request is not None and name else None
        if request is None or user is None:
            return
        try:
            check_allow_list_of(request, user)
        except PermissionDenied:
            raise LoginRefused from None
