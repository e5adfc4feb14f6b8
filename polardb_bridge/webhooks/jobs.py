"""What a worker runs for the write-back; `queue` asks for it."""

from __future__ import annotations

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks import queue, rewrite
from polardb_bridge.webhooks.delivery import deliver_in_turn


def deliver_job(storage_id: int) -> None:
    """Deliver what is due of this storage."""
    # From here on, a change asks again: this delivery may have looked already.
    queue.forget_question(storage_id)
    storage = PolarDBExportStorage.objects.filter(pk=storage_id).first()
    if storage is not None:
        deliver_in_turn(storage)


def rewrite_job(storage_id: int) -> None:
    """Do the rewrite of this storage that was asked for."""
    rewrite.run(storage_id)
