"""Who does a sync: one process, which shows every two seconds that it lives; if it dies, another goes on.

The signs of life are in Label Studio's database, by its clock. A process that was taken for dead and is not (its
machine stood still) finds before each batch that the sync is no longer its own, and writes nothing more.
"""

from __future__ import annotations

import logging
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from io_storages.base_models import storage_background_failure

from polardb_bridge.errors import InvalidInputError, RetryableError
from polardb_bridge.storage.clock import alive
from polardb_bridge.storage.heartbeat import heartbeat
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.models import SyncPart, SyncState

logger = logging.getLogger(__name__)

BEAT_INTERVAL_S = 2.0
# A sign of life that is being given at the end may wait for a lock; it is of no use any more.
_END_TIMEOUT_S = 1.0
# How often others go on with a sync that makes no new task before its process dies again, as of want of memory.
MAX_RESUMPTIONS = 3


class TakenOverError(RetryableError):
    """This sync was taken for dead, and another has begun."""


class PartLostError(Exception):
    """Another process has taken this part, or the sync has ended."""


@dataclass
class SyncLease:
    """This process' right to do a sync, or to help with it. part: the one that it works on, of a shared sync.

    is_run: it does the sync, and sets its status at the end. is_resumed: others have begun it.
    """

    storage_id: int
    is_run: bool = True
    is_resumed: bool = False
    part: int | None = None
    token: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def state(self) -> QuerySet[SyncState]:
        """The sync's state, while this process does it."""
        return SyncState.objects.filter(storage=self.storage_id, lease=self.token)

    @property
    def parts(self) -> QuerySet[SyncPart]:
        """The part that this process works on, while it does."""
        return SyncPart.objects.filter(storage=self.storage_id, lease=self.token, done=False)

    def check(self) -> None:
        """To be called before each change, in its transaction.

        Raises:
            PartLostError: another process has taken the part.
            TakenOverError: another process has taken the sync.
            InvalidInputError: the storage is being removed.
        """
        if not PolarDBImportStorage.objects.filter(pk=self.storage_id, synchronizable=True).exists():
            raise InvalidInputError("The storage is being removed; its sync has stopped.")
        if self.part is not None and not self.parts.filter(pk=self.part).exists():
            raise PartLostError
        if self.is_run and not self.state.exists():
            raise TakenOverError(f"This sync of storage {self.storage_id} has stopped, because another one has begun.")

    def beat(self) -> None:
        """Give a sign of life."""
        if self.is_run:
            self.state.update(beat_at=Now())
        self.parts.update(beat_at=Now())


def begin(storage: PolarDBImportStorage) -> SyncLease | None:
    """Begin the queued sync of `storage`; None if another process has done that, or nobody asked for one."""
    lease = SyncLease(storage.pk)
    with transaction.atomic():
        if not storage.begin_sync():
            return None
        newest = PolarDBImportStorageLink.objects.order_by("-pk").values_list("pk", flat=True).first()
        counts = {"resumptions": 0, "created": 0, "updated": 0, "removed": 0, "last_number": 0}
        SyncState.objects.update_or_create(
            storage=storage,
            defaults={"lease": lease.token, "beat_at": Now(), "last_old_link": newest or 0, **counts},
        )
        SyncPart.objects.filter(storage=storage).delete()  # of one that was killed
    return lease


def was_broken_off(storage: PolarDBImportStorage) -> bool:
    """Whether the last sync has not come to its end, and none is under way: it failed, or its process died."""
    ended = (storage.Status.COMPLETED, storage.Status.COMPLETED_WITH_ERRORS)
    return storage.status not in ended and not storage.is_syncing


def dead() -> QuerySet[SyncState]:
    """The syncs whose process gives no sign of life, and that others may go on with."""
    running = SyncState.objects.filter(storage__status=PolarDBImportStorage.Status.IN_PROGRESS)
    return running.filter(storage__synchronizable=True).exclude(lease=None).exclude(beat_at__range=alive())


def take_over(storage: PolarDBImportStorage) -> SyncLease | None:
    """Go on with the sync of a dead process; None if it lives, or another process has taken it.

    One that dies again and again without making a task is set to failed.
    """
    state = dead().filter(storage=storage).first()
    if state is None:
        return None
    lease = SyncLease(storage.pk, is_resumed=True)
    created = links_of(state).count()
    resumptions = 1 if created > state.created else state.resumptions + 1
    taken = SyncState.objects.filter(pk=state.pk, lease=state.lease)
    if not taken.update(lease=lease.token, beat_at=Now(), created=created, resumptions=resumptions):
        return None
    if resumptions > MAX_RESUMPTIONS:
        end(lease)
        storage.status = storage.Status.FAILED
        storage.traceback = (
            f"The process of this sync has died {resumptions} times in a row without making a task, perhaps for want "
            "of memory. Its log says more; then sync again."
        )
        storage.save(update_fields=["status", "traceback"])
        return None
    logger.warning("Sync of storage %s: its process has died, this one goes on", storage.pk)
    return lease


def links_of(state: SyncState) -> QuerySet[PolarDBImportStorageLink]:
    """The links of the tasks that this sync has created, whichever process did."""
    return PolarDBImportStorageLink.objects.filter(storage=state.storage_id, pk__gt=state.last_old_link)


def end(lease: SyncLease) -> bool:
    """The sync is over; False if it is another process' by now."""
    if not lease.state.update(lease=None, last_number=0):
        return False
    SyncPart.objects.filter(storage=lease.storage_id).delete()
    return True


def fail(storage: PolarDBImportStorage, lease: SyncLease) -> None:
    """The sync is over with the error that is being handled; nothing if it is another process', or removed."""
    with transaction.atomic():
        if end(lease):
            storage_background_failure(storage)


def beating(lease: SyncLease) -> AbstractContextManager[None]:
    """Give signs of life until the end, whatever this thread waits for meanwhile."""
    return heartbeat(
        lease.beat,
        every_s=BEAT_INTERVAL_S,
        name=f"polardb-sync-{lease.storage_id}",
        failed=lambda error: logger.warning(
            "Sync of storage %s: no sign of life could be given: %s", lease.storage_id, error
        ),
        end_timeout_s=_END_TIMEOUT_S,
    )
