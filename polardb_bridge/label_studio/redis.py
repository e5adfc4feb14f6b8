"""A Redis that does not answer: noticed once, then left alone for a while by everything in this process."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger(__name__)

# How long a Redis that did not answer is not asked again.
PAUSE_S = 10.0

_paused_until = 0.0


def is_worth_asking() -> bool:
    """Whether there is a Redis, and it has answered lately as far as this process knows. It is not asked."""
    from django.conf import settings

    return bool(settings.REDIS_ENABLED) and not _is_paused()


def _is_paused() -> bool:
    return time.monotonic() < _paused_until


def pause(error: object) -> None:
    """Remember that Redis did not answer, and say so in the log."""
    global _paused_until
    _paused_until = time.monotonic() + PAUSE_S
    logger.warning("Redis does not answer (%s): doing without it for %.0f s", error, PAUSE_S)


def remember_dead_redis() -> None:
    """Do not ask a Redis that does not answer several times in every request.

    Label Studio checks Redis before each use of it (core/redis.py, redis_healthcheck), up to eight times a request
    for its record of user activity: each check of one that hangs takes as long as the connection's limit.
    """
    from core import redis

    check = redis.redis_healthcheck

    def redis_healthcheck() -> bool:
        if _is_paused():
            return False
        healthy = bool(check())
        if not healthy:
            pause("its health check failed")
        return healthy

    redis.redis_healthcheck = redis_healthcheck
