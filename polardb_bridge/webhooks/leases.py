"""Which delivery works on what: one lease a delivery, kept by heartbeats, free within seconds if its process dies."""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import models

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.heartbeat import heartbeat
from polardb_bridge.webhooks import clock
from polardb_bridge.webhooks.models import PendingWriteback, WritebackLease

logger = logging.getLogger(__name__)

LEASE_LENGTH = timedelta(seconds=4)
_HEARTBEAT_INTERVAL_S = 1.0
# A lease that was renewed this lately is certainly ours.
_CERTAIN_S = LEASE_LENGTH.total_seconds() / 2


class OvertakenError(RetryableError):
    """This delivery was frozen or cut off for so long that another one does its work."""


@dataclass
class Lease:
    """What of one storage this delivery may work on as long as it lives.

    renewed: the monotonic time of the last heartbeat; it goes on while a process is stopped, and when clocks are set.
    """

    storage_id: int
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    pending: list[PendingWriteback] = field(default_factory=list)
    renewed: float = field(default_factory=time.monotonic)

    @property
    def task_ids(self) -> list[int]:
        return [pending.task_id for pending in self.pending]

    def begin(self) -> None:
        WritebackLease.objects.create(id=self.id, expires_at=clock.now() + LEASE_LENGTH)

    def renew(self) -> None:
        began = time.monotonic()
        WritebackLease.objects.filter(pk=self.id).update(expires_at=clock.now() + LEASE_LENGTH)
        self.renewed = began

    def check(self) -> None:
        """See that this delivery was not overtaken, before it commits anything.

        Raises:
            OvertakenError: another one has taken some of what is leased.
        """
        if time.monotonic() - self.renewed < _CERTAIN_S:
            return
        if PendingWriteback.objects.filter(lease=self.id).count() < len(self.pending):
            raise OvertakenError("Writing took so long that another delivery has taken over.")
        self.renew()


def living() -> models.QuerySet[WritebackLease]:
    """Leases whose deliveries live. A time further ahead than it is ever set comes from before a clock was set back."""
    now = clock.now()
    return WritebackLease.objects.filter(expires_at__gt=now, expires_at__lte=now + LEASE_LENGTH)


def end(lease: Lease) -> None:
    """Nothing is leased by it any more."""
    if lease.pending:
        WritebackLease.objects.filter(pk=lease.id).delete()


def drop_dead() -> None:
    """Forget the leases of dead deliveries."""
    living_ids = living().values("pk")
    if WritebackLease.objects.exclude(pk__in=living_ids).exists():
        WritebackLease.objects.exclude(pk__in=living_ids).delete()


def kept(lease: Lease) -> AbstractContextManager[None]:
    """Keep `lease` meanwhile."""
    return heartbeat(
        lease.renew,
        every_s=_HEARTBEAT_INTERVAL_S,
        name="polardb-heartbeat",
        # Whether the lease was lost, the delivery finds out (check).
        failed=lambda error: logger.debug("No heartbeat: %s", error),
    )
