"""What is not in its rows yet, and why, for the commands that write or sync."""

from __future__ import annotations

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.storage.lookup import find_export_storage
from polardb_bridge.storage.writeback_status import WritebackStatus, problems

_ON_THEIR_WAY = "They are on their way: serving processes and deliver_writebacks write them."


def print_pending(command: BridgeCommand, status: WritebackStatus, *, written: int | None = None) -> None:
    """Print how many results of a storage wait, for what, and which rows.

    written: how many the command has written, which is printed too; without it, nothing is if none waits.
    """
    waits = status.pending + status.parked > 0
    if not waits and written is None:
        return
    for problem in problems_of(status):
        command.stdout.write(problem)
    counts = [f"{status.pending} pending", f"{status.parked} wait for a person"]
    if written is not None:
        counts.insert(0, f"{written} rows written")
    reason = status.last_error or (_ON_THEIR_WAY if waits else "")
    line = f"Storage {status.storage_id} ({status.table_address}): {', '.join(counts)}"
    command.stdout.write(f"{line}. {reason}" if reason else line)


def problems_of(status: WritebackStatus) -> list[str]:
    """The rows that could not be written, and why; no query if nothing waits."""
    return problems(find_export_storage(status.storage_id)) if status.parked or status.pending else []
