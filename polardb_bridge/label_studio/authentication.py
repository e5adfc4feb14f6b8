"""Learning who asks as soon as Label Studio knows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def watch_identities(identified: Callable[[Any, Any], None], token_read: Callable[[Any, Any, bool], None]) -> None:
    """Call `identified(request, user)` when a view has found out who asks, before it acts.

    Django REST framework does that within the view (tokens, X-Api-Key, …), where no middleware sees it. The views that
    renew and revoke tokens (jwt_auth/views.py) ask for no user at all: `token_read(request, user id, signed)` is called
    for each token that they read; `signed` tells whether its signature is right. Label Studio cuts that off a token to
    revoke without a look at it (jwt_auth/models.py, TruncatedLSAPIToken): it is verified here if it was sent along.
    Both raise to end the request.
    """
    from core.current_request import CurrentContext
    from jwt_auth.models import TruncatedLSAPIToken
    from rest_framework.request import Request
    from rest_framework_simplejwt.exceptions import TokenBackendError
    from rest_framework_simplejwt.settings import api_settings
    from rest_framework_simplejwt.tokens import AccessToken, Token

    authenticate = Request._authenticate
    read_token = Token.__init__
    truncate = TruncatedLSAPIToken.__init__

    def _authenticate(self: Any) -> None:
        authenticate(self)
        if self._user is not None and self._user.is_authenticated:
            identified(self._request, self._user)

    def read(self: Any, token: Any = None, verify: bool = True) -> None:
        read_token(self, token, verify)
        request = CurrentContext.get_request()
        # An access token is read to find out who asks, which `identified` is told.
        if token is not None and request is not None and not isinstance(self, AccessToken):
            signed = verify or getattr(self, "_came_signed", False)
            token_read(request, self.payload.get(api_settings.USER_ID_CLAIM), signed)

    def read_truncated(self: Any, token: str, *args: Any, **kwargs: Any) -> None:
        try:
            self._token_backend.decode(token, verify=True)
            self._came_signed = True
        except TokenBackendError:
            self._came_signed = False
        truncate(self, token, *args, **kwargs)

    Request._authenticate = _authenticate
    # By setattr, because mypy lets no method be assigned.
    setattr(Token, "__init__", read)  # noqa: B010
    setattr(TruncatedLSAPIToken, "__init__", read_truncated)  # noqa: B010


def check_tokens(may_use_legacy: Callable[[Any], bool], is_void: Callable[[Any, float], bool]) -> None:
    """Refuse the legacy token of a user for whom `may_use_legacy(user)` is false, and access tokens that are void.

    `is_void(user, seconds since 1970)` tells by when the personal token was made that an access token comes from:
    nothing else ends an access token before its time.
    """
    from jwt_auth.auth import TokenAuthenticationPhaseout
    from rest_framework.exceptions import AuthenticationFailed
    from rest_framework_simplejwt.authentication import JWTAuthentication
    from rest_framework_simplejwt.exceptions import InvalidToken

    authenticate = TokenAuthenticationPhaseout.authenticate
    get_user = JWTAuthentication.get_user

    def authenticate_legacy(self: Any, request: Any) -> Any:
        found = authenticate(self, request)
        if found is not None and not may_use_legacy(found[0]):
            raise AuthenticationFailed("Administrators use personal access tokens: legacy ones are refused.")
        return found

    def get_user_of_token(self: Any, validated_token: Any) -> Any:
        user = get_user(self, validated_token)
        if is_void(user, validated_token.get("iat", 0)):
            raise InvalidToken("The token is older than the user's password.")
        return user

    # By setattr, because mypy lets no method be assigned.
    setattr(TokenAuthenticationPhaseout, "authenticate", authenticate_legacy)  # noqa: B010
    setattr(JWTAuthentication, "get_user", get_user_of_token)  # noqa: B010
