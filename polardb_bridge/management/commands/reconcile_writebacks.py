from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.pending import print_pending
from polardb_bridge.storage.lookup import find_export_storage
from polardb_bridge.storage.matching import GOES_NOWHERE
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.writeback_status import writeback_status
from polardb_bridge.table.keys import shown_key
from polardb_bridge.webhooks.delivery import deliver_everything
from polardb_bridge.webhooks.reconcile import reconcile


class Command(BridgeCommand):
    help = (
        "Compare every row with Label Studio by the annotation's id, the count and the result, and write what "
        "differs. Serving processes do this every hour. Example: reconcile_writebacks --dry-run"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--storage-id", type=int, metavar="N", help="one export storage (default: all)")
        parser.add_argument("--dry-run", action="store_true", help="only compare; change nothing")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        storage_id = options["storage_id"]
        storages = (
            [find_export_storage(storage_id)] if storage_id is not None else PolarDBExportStorage.objects.order_by("pk")
        )
        found = []
        for storage in storages:
            report = reconcile(storage, dry_run=options["dry_run"])
            written = 0
            if not options["dry_run"]:
                written = deliver_everything(storage.pk)[storage.pk].written
            found.append({"storage_id": storage.pk, "table": storage.table_address, **vars(report), "written": written})
            if not options["json"]:
                if report.goes_nowhere:
                    self.stderr.write(f"Storage {storage.pk}: {GOES_NOWHERE}")
                if report.owner:
                    self.stderr.write(
                        f"Storage {storage.pk}: the table belongs to {report.owner}; nothing was compared. "
                        "Remove one of the two targets."
                    )
                for row_id, what in report.listed:
                    self.stdout.write(f"row {shown_key(row_id)}: {what}")
                self.stdout.write(
                    f"Storage {storage.pk} ({storage.table_address}): {report.checked} rows compared, "
                    f"{report.different} differ, {report.pending} pending, {report.missing} missing, "
                    f"{report.foreign} of others, {written} written"
                )
                print_pending(self, writeback_status(storage))
        if options["json"]:
            self.print_json({"storages": found})
