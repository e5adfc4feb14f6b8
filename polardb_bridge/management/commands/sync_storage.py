from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.sync import sync_with_progress
from polardb_bridge.storage.lookup import find_import_storage


class Command(BridgeCommand):
    help = (
        "Make tasks of the rows that have none yet, for one PolarDB import storage. Rows that cannot be read are "
        "named; the others are not held up. It can be interrupted and repeated. Example: sync_storage --storage-id 1"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--storage-id", type=int, required=True, metavar="N", help="id of the import storage")
        parser.add_argument(
            "--force", action="store_true", help="start although a sync seems to be under way, as after a crash"
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        storage = find_import_storage(options["storage_id"])
        report = sync_with_progress(self, storage, force=options["force"], quiet=options["json"])
        if options["json"]:
            self.print_json({"storage_id": storage.pk, **vars(report)})
