"""Syncing with a progress bar, for the commands that sync."""

from __future__ import annotations

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.storage.labels import vanished_labels
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import connect
from polardb_bridge.table.size import count_rows


def sync_with_progress(
    command: BridgeCommand,
    storage: PolarDBImportStorage,
    *,
    force: bool = False,
    allow_removal: bool = False,
    quiet: bool = False,
) -> SyncReport:
    """Sync `storage`, and print what came of it unless `quiet`."""
    with command.progress(quiet) as progress:
        bar = progress.add_task("Syncing", total=None)
        if not progress.disable:
            with connect(storage.connection_parameters()) as connection:
                progress.update(bar, total=count_rows(connection, storage.source_table))
        report = run_sync(
            storage,
            force=force,
            allow_removal=allow_removal,
            on_progress=lambda done: progress.update(bar, completed=done.rows),
        )
    if not quiet:
        for reason in report.errors:
            command.stderr.write(reason)
        command.stdout.write(f"{storage.table}: {in_words(report)}")
        for note in vanished_labels(storage.project):
            command.stdout.write(note)
    return report


def in_words(report: SyncReport) -> str:
    """The counts of a report for a person; what rarely happens is named only if it did."""
    words = [f"{report.created} new tasks", f"{report.existed} unchanged"]
    words += [f"{report.updated} refreshed"] if report.updated else []
    words += [f"{report.removed} of deleted rows removed"] if report.removed else []
    words += [f"{report.kept} of deleted rows kept"] if report.kept else []
    words += [f"{report.outside} outside the filter kept"] if report.outside else []
    return ", ".join([*words, f"{report.failed} rows failed"])
