"""Ending syncs before what they write into is deleted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from polardb_bridge.storage.clock import alive
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.models import SyncPart, SyncState

# A sync looks before each batch; a batch with large images takes some seconds.
STOP_TIMEOUT_S = 30.0
_LOOK_INTERVAL_S = 0.05


@contextmanager
def stopped(storages: QuerySet[PolarDBImportStorage]) -> Iterator[None]:
    """Have the syncs of these storages end first, and no other begin; if the deletion fails, they may be synced again.

    Within a transaction, others do not see it before the end: nothing is waited for. If this process is killed, they
    may be synced again after a while (storage/removal.py).
    """
    ids = list(storages.filter(synchronizable=True).values_list("pk", flat=True))
    chosen = PolarDBImportStorage.objects.filter(pk__in=ids)
    chosen.update(synchronizable=False)
    # From when on: a sync that runs has just given a sign of life, and of the others there is none that says more.
    for storage_id in ids:
        SyncState.objects.update_or_create(storage_id=storage_id, defaults={"beat_at": Now()})
    try:
        if not connection.in_atomic_block:
            wait_until_none_runs(storages)
        yield
    except BaseException:
        chosen.update(synchronizable=True)
        raise


def wait_until_none_runs(storages: QuerySet[PolarDBImportStorage]) -> None:
    """Wait for the syncs of these storages, which may not be synced any more, for STOP_TIMEOUT_S at the longest."""
    ids = list(storages.values_list("pk", flat=True))
    give_up = time.monotonic() + STOP_TIMEOUT_S
    running = Q(storage__in=ids, lease__isnull=False)
    while time.monotonic() < give_up:
        living = running & Q(beat_at__range=alive())
        if not (SyncState.objects.filter(living).exists() or SyncPart.objects.filter(living).exists()):
            return
        time.sleep(_LOOK_INTERVAL_S)
