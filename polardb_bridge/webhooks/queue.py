"""Asking a worker for a delivery, if there is Redis. A question that gets lost costs seconds, never a result."""

from __future__ import annotations

from typing import Any

import django_rq
import redis
from rq.utils import import_attribute

from polardb_bridge.label_studio.redis import is_worth_asking, pause

QUEUE = "high"
JOB_TIMEOUT_S = 3600
# One question a storage at a time. If the worker that should take it dies, the next is asked after this; not while
# the last one still stands in the queue because there is no worker.
_ASKED_MS = 2000
_FAILURE_TTL_S = 24 * 3600
# By name: jobs.py leads back here.
_DELIVER = "polardb_bridge.webhooks.jobs.deliver_job"
_REWRITE = "polardb_bridge.webhooks.jobs.rewrite_job"


def ask_worker(storage_id: int) -> bool:
    """Ask a worker to deliver; False if there is no queue, or none that answers."""
    if not is_worth_asking():
        return False
    queue = _queue()
    try:
        if queue.connection.set(_asked_key(storage_id), 1, nx=True, px=_ASKED_MS):
            last = queue.connection.get(_job_key(storage_id))
            if last is None or queue.get_job_position(last.decode()) is None:
                job = queue.enqueue(
                    _DELIVER, storage_id, job_timeout=JOB_TIMEOUT_S, result_ttl=0, failure_ttl=_FAILURE_TTL_S
                )
                queue.connection.set(_job_key(storage_id), job.id)
    except redis.RedisError as error:
        pause(error)
        return False
    return True


def forget_question(storage_id: int) -> None:
    """Let the next change of this storage ask again."""
    _queue().connection.delete(_asked_key(storage_id))


def ask_for_rewrite(storage_id: int) -> str | None:
    """Ask a worker to write everything again; the job's id, None if no queue answers."""
    if not is_worth_asking():
        return None
    try:
        job = _queue().enqueue(_REWRITE, storage_id, job_timeout=JOB_TIMEOUT_S, result_ttl=3600)
    except redis.RedisError as error:
        pause(error)
        return None
    return str(job.id)


def _queue() -> Any:
    # Its connection has the short limits of our settings.
    return django_rq.get_queue(QUEUE)


def _asked_key(storage_id: int) -> str:
    return f"polardb:writeback:{storage_id}"


def _job_key(storage_id: int) -> str:
    return f"polardb:writeback:{storage_id}:job"


def __getattr__(name: str) -> Any:
    """Jobs that were queued before the first release look for their functions here; goes with the release after it."""
    if name in ("deliver_job", "rewrite_job"):
        return import_attribute(f"polardb_bridge.webhooks.jobs.{name}")
    raise AttributeError(name)
