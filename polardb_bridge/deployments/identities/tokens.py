"""Tokens end when their user's password changes, and those of administrators are personal ones only."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.utils import timezone as django_timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from polardb_bridge.conf import configuration
from polardb_bridge.deployments.identities.models import TokenCutoff


class EndsTokens:
    """A password validator that finds nothing wrong: Django tells validators of each change, wherever it is made."""

    def validate(self, password: str, user: Any = None) -> None:
        pass

    def get_help_text(self) -> str:
        return "Changing the password ends the user's tokens and other sessions."

    def password_changed(self, password: str, user: Any) -> None:
        end_tokens(user)


def end_tokens(user: Any) -> None:
    """Void all tokens that `user` was given: personal, access and legacy ones."""
    TokenCutoff.objects.update_or_create(user=user, defaults={"before": django_timezone.now()})
    outstanding = OutstandingToken.objects.filter(user=user, blacklistedtoken=None)
    BlacklistedToken.objects.bulk_create(
        (BlacklistedToken(token=token) for token in outstanding), ignore_conflicts=True
    )
    if user.get_token() is not None:
        user.reset_token()  # Label Studio expects everybody to have one


def is_void(user: Any, issued_at: float) -> bool:
    """Whether a token of `user` is older than their password. issued_at: seconds since 1970, whole ones."""
    cutoff = TokenCutoff.objects.filter(user=user).values_list("before", flat=True).first()
    return cutoff is not None and datetime.fromtimestamp(issued_at, timezone.utc) < cutoff.replace(microsecond=0)


def may_use_legacy_token(user: Any) -> bool:
    """Whether a legacy token lets `user` in: it never ends, and a program may have sent it to anybody."""
    return not user.is_superuser or configuration().legacy_tokens_of_administrators
