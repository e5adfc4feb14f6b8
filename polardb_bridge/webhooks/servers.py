"""Servers that let nobody in: one attempt at a time, of one of their storages in one process; one success wakes all.

A server that many use must not have to block this machine for the attempts of all their storages and processes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from polardb_bridge.errors import ServerDownError
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks import clock
from polardb_bridge.webhooks.models import ServerState, WritebackState
from polardb_bridge.webhooks.retry import MAX_DELAY, next_try

# Whoever makes an attempt tells of its end before; if its process died, another one makes the next after this.
_ATTEMPT_TIMEOUT = timedelta(seconds=12)
_FURTHEST = max(_ATTEMPT_TIMEOUT, MAX_DELAY)

Server = tuple[str, int]


def server_of(storage: PolarDBExportStorage) -> Server:
    return storage.host.lower(), storage.port


def waiting() -> set[Server]:
    """The servers that nobody should try now."""
    states = list(ServerState.objects.all())
    if not states:
        return set()
    now = clock.now()
    # Further ahead than it is ever set: a clock was set back.
    return {(state.host, state.port) for state in states if now < state.retry_at <= now + _FURTHEST}


def take_turn(storage: PolarDBExportStorage) -> bool:
    """Whether this process may try the server of `storage` now. True if the server is well, as far as anybody knows."""
    host, port = server_of(storage)
    state = ServerState.objects.filter(host=host, port=port).first()
    if state is None:
        return True
    now = clock.now()
    if now < state.retry_at <= now + _FURTHEST:
        return False
    ours = ServerState.objects.filter(pk=state.pk, retry_at=state.retry_at)
    return bool(ours.update(retry_at=now + _ATTEMPT_TIMEOUT))


def is_down(storage: PolarDBExportStorage, error: ServerDownError) -> datetime:
    """Remember that an attempt failed; when the next one may be made."""
    host, port = server_of(storage)
    with transaction.atomic():
        ServerState.objects.get_or_create(host=host, port=port, defaults={"retry_at": clock.now()})
        state = ServerState.objects.select_for_update().filter(host=host, port=port).first()
        if state is None:
            return clock.now()  # another attempt has succeeded at this moment
        state.attempts += 1
        state.retry_at = clock.now() + next_try(error, state.attempts).delay
        state.save(update_fields=["attempts", "retry_at"])
        retry_at: datetime = state.retry_at
    return retry_at


def is_up(storage: PolarDBExportStorage) -> bool:
    """Somebody was let in: wake all storages of the server if it was down; whether it was."""
    host, port = server_of(storage)
    state = ServerState.objects.filter(host=host, port=port)
    if not state.exists() or not state.delete()[0]:
        return False
    WritebackState.objects.filter(storage__host__iexact=host, storage__port=port).update(retry_at=None)
    return True
