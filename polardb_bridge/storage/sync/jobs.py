"""Syncs that nobody waits for: asked for by a person or by the clock, done by a worker or a serving process.

Whoever asks sets the storage's status to queued. If there is Redis, a worker begins from there, and other workers
help with a large table; otherwise a serving process does it (background.py).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import django_rq
import redis
from django.conf import settings
from rq import Worker
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus

from polardb_bridge.errors import BridgeError
from polardb_bridge.label_studio.redis import is_worth_asking, pause
from polardb_bridge.label_studio.tasks import acting_user
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.signals import import_sync_requested
from polardb_bridge.storage.sync import lease, parts
from polardb_bridge.storage.sync.doubt import Doubt
from polardb_bridge.storage.sync.lease import SyncLease
from polardb_bridge.storage.sync.run import STANDSTILL_TIME_LIMIT_S, return_large_blocks, sync_rows
from polardb_bridge.table.time_limit import time_limit

logger = logging.getLogger(__name__)

# Where Label Studio puts the syncs of its own storages (io_storages/base_models.py, sync).
QUEUE = "low"
MAX_HELPERS = 7
_LOOK_INTERVAL_S = 0.2
_ENDED = (JobStatus.FAILED, JobStatus.FINISHED, JobStatus.STOPPED, JobStatus.CANCELED)


def connect_signals() -> None:
    """Listen; called once when the app is ready."""
    import_sync_requested.connect(sync_requested, dispatch_uid="polardb_import_sync_requested")


def sync_requested(sender: Any, storage: PolarDBImportStorage, **kwargs: Any) -> None:
    request(storage)


def request(storage: PolarDBImportStorage, *, only_if_due: bool = False) -> None:
    """Queue a sync, unless one is under way.

    only_if_due: and unless `sync_every` says that it is not time yet.
    """
    job_id = str(uuid.uuid4()) if is_worth_asking() else None
    if not storage.info_set_queued(job_id, only_if_due=only_if_due) or job_id is None:
        return
    try:
        _queue().enqueue(sync_job, storage.pk, job_id=job_id, job_timeout=settings.RQ_LONG_JOB_TIMEOUT)
    except redis.RedisError as error:
        pause(error)
        type(storage).objects.filter(pk=storage.pk).update(last_sync_job=None)


def request_due() -> None:
    """Queue the syncs whose time has come."""
    for storage in PolarDBImportStorage.objects.filter(sync_every__gt=0).order_by("pk"):
        if storage.is_due:
            request(storage, only_if_due=True)


def waiting() -> list[int]:
    """Ids of the storages whose sync is queued for a serving process."""
    queued = PolarDBImportStorage.objects.filter(status=PolarDBImportStorage.Status.QUEUED).order_by("pk")
    jobs = queued.values_list("pk", "last_sync_job")
    return [storage_id for storage_id, job_id in jobs if not job_id or _is_lost(job_id)]


def _is_lost(job_id: str) -> bool:
    """Whether no worker will do this job any more."""
    if not is_worth_asking():
        return True
    try:
        return Job.fetch(job_id, connection=_queue().connection).get_status() in _ENDED
    except NoSuchJobError:
        return True
    except redis.RedisError as error:
        pause(error)
        return True


def run(storage_id: int, *, ask_helpers: parts.AskHelpers | None = None) -> None:
    """Do the queued sync of this storage; nothing if another process has begun it. Errors are in its status."""
    _do(storage_id, lease.begin, ask_helpers)


def resume(storage_id: int, *, ask_helpers: parts.AskHelpers | None = None) -> None:
    """Go on with the sync of a process that has died; nothing if it lives, or another process has gone on with it."""
    _do(storage_id, lease.take_over, ask_helpers)


def _do(
    storage_id: int,
    take: Callable[[PolarDBImportStorage], SyncLease | None],
    ask_helpers: parts.AskHelpers | None,
) -> None:
    storage = PolarDBImportStorage.objects.filter(pk=storage_id).first()
    mine = take(storage) if storage else None
    if storage is None or mine is None:
        return
    try:
        sync_rows(storage, mine, ask_helpers=ask_helpers)
    except BridgeError as error:
        logger.warning("Sync of storage %s failed: %s", storage_id, error)


def wait_for_end(storage: PolarDBImportStorage, seconds: float) -> None:
    """Wait until the sync of `storage` has ended, but no longer than `seconds`; its fields are up to date then."""
    give_up = time.monotonic() + seconds
    storage.refresh_from_db()
    while storage.is_syncing and time.monotonic() < give_up:
        time.sleep(_LOOK_INTERVAL_S)
        storage.refresh_from_db()


def sync_job(storage_id: int) -> None:
    """What a worker runs."""
    run(storage_id, ask_helpers=partial(_ask_helpers, storage_id))


def resume_job(storage_id: int) -> None:
    """What a worker runs if the process of a sync has died."""
    resume(storage_id, ask_helpers=partial(_ask_helpers, storage_id))


def _ask_helpers(storage_id: int, wanted: int) -> None:
    others = Worker.count(queue=_queue()) - 1
    for _ in range(min(wanted, others, MAX_HELPERS)):
        _queue().enqueue(help_job, storage_id, job_timeout=settings.RQ_LONG_JOB_TIMEOUT, result_ttl=0)


def ask_to_resume(storage_id: int) -> None:
    """Have a worker go on with this sync, if there is one."""
    try:
        _queue().enqueue(resume_job, storage_id, job_timeout=settings.RQ_LONG_JOB_TIMEOUT, result_ttl=0)
    except redis.RedisError as error:
        pause(error)


def help_job(storage_id: int) -> None:
    """What other workers run beside it."""
    storage = PolarDBImportStorage.objects.filter(pk=storage_id).first()
    if storage is None:
        return
    return_large_blocks()
    mine = SyncLease(storage_id, is_run=False)
    source = storage.connection_parameters()
    with time_limit(STANDSTILL_TIME_LIMIT_S), acting_user(storage.project.created_by), lease.beating(mine):
        doubt = Doubt.join(storage, source)
        parts.help_out(parts.SharedSync(storage, source, storage.source_table, doubt, mine))


def _queue() -> django_rq.queues.DjangoRQ:
    return django_rq.get_queue(QUEUE)
