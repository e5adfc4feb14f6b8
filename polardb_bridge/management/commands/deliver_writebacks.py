from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.storage.lookup import find_export_storage
from polardb_bridge.webhooks import drain
from polardb_bridge.webhooks.delivery import deliver_everything
from polardb_bridge.webhooks.status import statuses


class Command(BridgeCommand):
    help = (
        "Write the annotations that are not in their rows yet, without waiting for the next attempt. Serving "
        "processes do this by themselves. Exits with 1 where something is left. Example: deliver_writebacks"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--storage-id", type=int, metavar="N", help="one export storage (default: all)")
        parser.add_argument("--watch", action="store_true", help="go on for ever, as a serving process does")
        parser.add_argument(
            "--retry-failed", action="store_true", help="also what waits for a person, such as rows that were gone"
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        storage_id = options["storage_id"]
        if storage_id is not None:
            find_export_storage(storage_id)
        reports = deliver_everything(storage_id, retry_failed=options["retry_failed"])
        found = [status for status in statuses() if storage_id in (None, status.storage_id)]
        if options["json"]:
            self.print_json({"storages": [{**asdict(s), **vars(reports[s.storage_id])} for s in found]})
        for status in found if not options["json"] else []:
            self.stdout.write(
                f"Storage {status.storage_id} ({status.table}): {reports[status.storage_id].written} rows written, "
                f"{status.pending} pending, {status.failed} wait for a person"
                + (f". {status.last_error}" if status.last_error else "")
            )
        if options["watch"]:
            drain.start()
            while True:
                time.sleep(3600)
        if any(status.pending or status.failed for status in found):
            raise CommandError("Not everything is written.")
