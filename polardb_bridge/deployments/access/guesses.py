"""How often a password may be guessed at.

Each guess costs a tenth of a second of a processor, and a thread: a few addresses that guess would stop all others.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.core.cache import cache
from django.http import HttpRequest

from polardb_bridge.deployments.access.client_ip import client_ip

WITHIN_S = 60
# From one address at one user, and at all users: offices share an address.
MAX_AT_ONE = 10
MAX_AT_ALL = 60


def too_many(address: str | None, name: str | None) -> bool:
    """Count one more guess; whether it is one too many. Of this process only, unless Django's cache is shared."""
    at_one, at_all = map(_count, _keys(address, name))
    return at_one > MAX_AT_ONE or at_all > MAX_AT_ALL


def forget(address: str | None, name: str | None) -> None:
    """It was no guess: the password was right."""
    at_one, at_all = _keys(address, name)
    cache.delete(at_one)
    with contextlib.suppress(ValueError):  # its time was up just now
        cache.decr(at_all)


def connect_signals() -> None:
    """Listen; called once when the app is ready."""
    user_logged_in.connect(_forget, dispatch_uid="polardb_guesses")


def _forget(sender: Any, request: HttpRequest | None, user: Any, **kwargs: Any) -> None:
    if request is not None:
        forget(client_ip(request), user.email)


def _count(key: str) -> int:
    cache.add(key, 0, WITHIN_S)
    try:
        return int(cache.incr(key))
    except ValueError:  # its time was up just now
        return 1


def _keys(address: str | None, name: str | None) -> tuple[str, str]:
    """Under which the guesses from this address are counted: those at this user, and those at all."""
    whose = hashlib.sha256((name or "").lower().encode()).hexdigest()  # caches take no blanks, nor long keys
    return f"polardb-guess-{address}-{whose}", f"polardb-guess-{address}"
