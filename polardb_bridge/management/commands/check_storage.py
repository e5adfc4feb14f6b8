from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.storage.labels import vanished_labels
from polardb_bridge.storage.lookup import find_export_storage, find_import_storage
from polardb_bridge.storage.matching import check_goes_somewhere
from polardb_bridge.storage.owners import validate


class Command(BridgeCommand):
    help = (
        "Connect to the table of a PolarDB storage and check its columns and the account's privileges; nothing is "
        "changed. Example: check_storage --storage-id 1"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--storage-id", type=int, required=True, metavar="N", help="id of the storage")
        parser.add_argument("--export", action="store_true", help="it is an export storage (default: import)")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        find = find_export_storage if options["export"] else find_import_storage
        storage = find(options["storage_id"])
        warnings = validate(storage)
        check_goes_somewhere(storage)
        warnings += vanished_labels(storage.project)
        if options["json"]:
            self.print_json(
                {"storage_id": storage.pk, "table": storage.table_address, "ok": True, "warnings": warnings}
            )
        else:
            for warning in warnings:
                self.stdout.write(f"Warning: {warning}")
            self.stdout.write(f"{storage.table_address} is fine.")
