from __future__ import annotations

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser

from polardb_bridge import background
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.pending import print_pending, problems_of
from polardb_bridge.storage.lookup import find_export_storage
from polardb_bridge.storage.writeback_status import WritebackStatus, as_json, writeback_statuses
from polardb_bridge.webhooks.delivery import DeliveryReport, deliver_everything


class Command(BridgeCommand):
    help = (
        "Write the annotations that are not in their rows yet, without waiting for the next attempt. Serving "
        "processes do this by themselves. Exits with 1 if something is left. Example: deliver_writebacks"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--storage-id", type=int, metavar="N", help="one export storage (default: all)")
        parser.add_argument(
            "--watch", action="store_true", help="keep delivering until interrupted, as a serving process does"
        )
        parser.add_argument(
            "--retry-failed", action="store_true", help="also what waits for a person, such as rows that were missing"
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        storage_id = options["storage_id"]
        if storage_id is not None:
            find_export_storage(storage_id)
        reports = deliver_everything(storage_id, retry_parked=options["retry_failed"])
        found = [status for status in writeback_statuses() if storage_id in (None, status.storage_id)]
        if not found and not options["json"]:
            self.stdout.write("There is no target yet; nothing has to be written.")
        if options["json"]:
            self.print_json({"storages": [_as_json(status, reports[status.storage_id]) for status in found]})
        for status in found if not options["json"] else []:
            print_pending(self, status, written=reports[status.storage_id].written)
        if options["watch"]:
            background.start()
            while True:
                time.sleep(3600)
        if any(status.pending or status.parked for status in found):
            raise CommandError("Not everything has been written.")


def _as_json(status: WritebackStatus, report: DeliveryReport) -> dict[str, Any]:
    return {
        **as_json(status),
        "written": report.written,
        "problems": report.parked,
        "rows": problems_of(status),
        "error": report.error,
    }
