"""Asking a worker for a delivery, where there is Redis. A question that gets lost costs seconds, never a result."""

from __future__ import annotations

import logging
import time
from typing import Any

import django_rq
import redis
from django.conf import settings

logger = logging.getLogger(__name__)

QUEUE = "high"
# Redis does not answer within this: do without it for a while.
_TIMEOUT_S = 0.5
_PAUSE_S = 10.0
# One question a storage at a time. Where the worker that should take it dies, the next is asked after this.
_ASKED_MS = 2000
JOB_TIMEOUT_S = 3600

_paused_until = 0.0


def ask_worker(storage_id: int) -> bool:
    """Ask a worker to deliver; False where there is no queue, or none that answers."""
    if not settings.REDIS_ENABLED or time.monotonic() < _paused_until:
        return False
    try:
        connection = _connection()
        if connection.set(_asked_key(storage_id), 1, nx=True, px=_ASKED_MS):
            _queue(connection).enqueue(deliver_job, storage_id, job_timeout=JOB_TIMEOUT_S, result_ttl=0)
    except redis.RedisError as error:
        _pause(error)
        return False
    return True


def ask_for_rewrite(storage_id: int) -> str | None:
    """Ask a worker to write everything again; the job's id, None where no queue answers."""
    if not settings.REDIS_ENABLED or time.monotonic() < _paused_until:
        return None
    try:
        job = _queue(_connection()).enqueue(rewrite_job, storage_id, job_timeout=JOB_TIMEOUT_S, result_ttl=3600)
    except redis.RedisError as error:
        _pause(error)
        return None
    return str(job.id)


def deliver_job(storage_id: int) -> None:
    """What a worker runs."""
    from polardb_bridge.storage.models import PolarDBExportStorage
    from polardb_bridge.webhooks.delivery import deliver

    # From here on, a change asks again: this delivery may have looked already.
    _connection().delete(_asked_key(storage_id))
    storage = PolarDBExportStorage.objects.filter(pk=storage_id).first()
    if storage is not None:
        deliver(storage)


def rewrite_job(storage_id: int) -> None:
    """What a worker runs."""
    from polardb_bridge.webhooks.rewrite import run

    run(storage_id)


def _connection() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)


def _queue(connection: Any) -> Any:
    return django_rq.get_queue(QUEUE, connection=connection)


def _asked_key(storage_id: int) -> str:
    return f"polardb:writeback:{storage_id}"


def _pause(error: redis.RedisError) -> None:
    global _paused_until
    _paused_until = time.monotonic() + _PAUSE_S
    logger.warning("Redis does not answer (%s): delivering without it for %.0f s", error, _PAUSE_S)
