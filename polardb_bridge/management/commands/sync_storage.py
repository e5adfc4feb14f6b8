from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.pending import print_pending
from polardb_bridge.management.sync import in_words, sync_with_progress
from polardb_bridge.storage.images.verify import verify
from polardb_bridge.storage.lookup import find_import_storage
from polardb_bridge.storage.matching import targets_of
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.dismissal import bring_back
from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.writeback_status import writeback_status


class Command(BridgeCommand):
    help = (
        "Bring the tasks of one PolarDB import storage in step with its rows: new rows become tasks, changed ones "
        "refresh theirs, and tasks of deleted rows are removed unless somebody has worked on them. Rows that cannot be "
        "read are named and hold up no others. It can be interrupted and repeated. Example: sync_storage --storage-id 1"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--storage-id", type=int, required=True, metavar="N", help="id of the import storage")
        parser.add_argument(
            "--force",
            action="store_true",
            help="start although a sync seems to be under way, as after a crash; with --verify, begin anew",
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="read and check the image of each row that has a task, and list those that cannot be shown; "
            "it can be interrupted, and goes on when it is called again",
        )
        parser.add_argument(
            "--bring-back", action="store_true", help="make tasks again of rows whose tasks were deleted by hand"
        )
        parser.add_argument(
            "--allow-removal",
            action="store_true",
            help="remove the tasks of missing rows even if they are most of the tasks (a sync stops otherwise)",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what a sync would do now")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        storage = find_import_storage(options["storage_id"])
        if options["verify"]:
            self._verify(storage, restart=options["force"], as_json=options["json"])
            return
        if options["dry_run"]:
            report = plan_sync(storage)
            if not options["json"]:
                self.stdout.write(f"A sync would do this: {in_words(report)}")
        else:
            if options["bring_back"]:
                bring_back(storage)
            report = sync_with_progress(
                self,
                storage,
                force=options["force"],
                allow_removal=options["allow_removal"],
                quiet=options["json"],
            )
        if options["json"]:
            self.print_json({"storage_id": storage.pk, **vars(report)})
            return
        for target in targets_of(storage):
            print_pending(self, writeback_status(target))

    def _verify(self, storage: PolarDBImportStorage, *, restart: bool, as_json: bool) -> None:
        with self.progress(as_json) as progress:
            bar = progress.add_task("Verifying", total=storage.links.count())
            report = verify(storage, restart=restart, on_progress=lambda done: progress.update(bar, completed=done))
        if as_json:
            rows = [vars(row) for row in report.unreadable]
            self.print_json({"storage_id": storage.pk, "checked": report.checked, "unreadable": rows})
            return
        for row in report.unreadable:
            self.stdout.write(f"{row}")
        labeled = sum(row.is_labeled for row in report.unreadable)
        self.stdout.write(
            f"{storage.table}: {report.checked} images checked, {len(report.unreadable)} cannot be shown, "
            f"{labeled} of them have a result"
        )
