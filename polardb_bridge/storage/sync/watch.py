"""Looking for syncs whose process has died: each serving process does it, and each worker."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from datetime import datetime
from typing import Any

import rq
from django.db import DatabaseError, connection

from polardb_bridge.label_studio.redis import is_worth_asking
from polardb_bridge.storage.sync import jobs, lease

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 5.0
# Seen without a sign of life for so long by this process' own clock, which nobody sets: that of the database may jump.
SURE_AFTER_S = 4.0
# A serving process leaves it to workers, which do nothing else.
WORKER_HEAD_START_S = 14.0


class Watch:
    """What one process has seen of syncs that look dead: by storage, the last sign of life, and since when."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[uuid.UUID, datetime, float]] = {}
        self._next_look = 0.0

    def abandoned(self, patience: float = SURE_AFTER_S) -> list[int]:
        """Ids of the storages whose sync has been dead for `patience` seconds; it is looked every LOOK_INTERVAL_S."""
        now = time.monotonic()
        if now < self._next_look:
            return []
        self._next_look = now + LOOK_INTERVAL_S
        seen, self._seen = self._seen, {}
        for storage_id, token, beat_at in lease.dead().values_list("storage_id", "lease", "beat_at"):
            before = seen.get(storage_id)
            since = before[2] if before and before[:2] == (token, beat_at) else now
            self._seen[storage_id] = (token, beat_at, since)
        return [storage_id for storage_id, (*_, since) in self._seen.items() if now - since >= patience]

    def abandoned_by_workers(self) -> list[int]:
        """For a serving process: what no worker goes on with."""
        return self.abandoned(WORKER_HEAD_START_S if is_worth_asking() else SURE_AFTER_S)


class Worker(rq.Worker):
    """RQ's worker, which also looks for syncs whose process has died, and has itself or another go on with them."""

    def work(self, *args: Any, **kwargs: Any) -> bool:
        threading.Thread(target=_look, name="polardb-watch", daemon=True).start()
        return bool(super().work(*args, **kwargs))


def _look() -> None:
    watch = Watch()
    while True:
        time.sleep(LOOK_INTERVAL_S)
        try:
            for storage_id in watch.abandoned():
                jobs.ask_to_resume(storage_id)
        except DatabaseError as error:
            logger.warning("Label Studio's database does not answer: %s", error)
        # What a worker forks must not find an open connection.
        connection.close()
