"""What is not in its rows yet, and why, for the commands that write or sync."""

from __future__ import annotations

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.writeback_status import problems, writeback_status


def print_pending(command: BridgeCommand, storage: PolarDBExportStorage) -> None:
    """Print how many results of `storage` wait, for what, and which rows; nothing if none does."""
    status = writeback_status(storage)
    if not (status.pending or status.parked):
        return
    for problem in problems(storage):
        command.stdout.write(problem)
    reason = status.last_error or "They are on their way: serving processes and deliver_writebacks write them."
    command.stdout.write(
        f"Storage {storage.pk} ({storage.table_address}): {status.pending} pending, "
        f"{status.parked} wait for a person. {reason}"
    )
