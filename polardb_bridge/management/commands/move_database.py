from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.conf import configuration
from polardb_bridge.errors import BridgeError
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.moving import Account, Move, Place, apply, plan
from polardb_bridge.webhooks.delivery import deliver_everything, retry_now
from polardb_bridge.webhooks.outbox import is_at_work
from polardb_bridge.webhooks.reconcile import reconcile

# A delivery that began at the old place ends within its own limits; a dead one lets go within seconds.
_OLD_DELIVERIES_TIMEOUT_S = 40


class Command(BridgeCommand):
    help = (
        "Let all sources and targets of a database follow it to another host, port, name or account. Each is tried "
        "first; if one cannot go on there, none is changed. Afterwards every row is compared, and what was submitted "
        "since the copy was made is written. "
        "Example: move_database --from db1.example.com:3306/animals --to db2.example.com:3306/animals --dry-run"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        place = "HOST[:PORT][/DATABASE]"
        parser.add_argument("--from", required=True, dest="old", metavar=place, help="where the storages lead now")
        parser.add_argument("--to", required=True, dest="new", metavar=place, help="where they are to lead")
        parser.add_argument("--user", metavar="NAME", help="the account there (default: each goes on with its own)")
        parser.add_argument(
            "--ask-password",
            action="store_true",
            help="ask for the account's new password; without a terminal it is read from standard input",
        )
        parser.add_argument(
            "--allow-missing", action="store_true", help="also if rows that tasks came from are not there"
        )
        parser.add_argument("--dry-run", action="store_true", help="only try; change nothing")
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        old, new = Place.parse(options["old"]), Place.parse(options["new"])
        account = Account(options["user"], _asked_password() if options["ask_password"] else None)
        is_quiet = options["json"]
        with self.progress(is_quiet) as progress:
            bar = progress.add_task("Trying", total=None)
            moves = plan(
                old,
                new,
                account,
                allow_missing=options["allow_missing"],
                on_storage=lambda _: progress.advance(bar),
            )
        if not options["dry_run"]:
            apply(moves)
        if not is_quiet:
            self._say(moves, is_done=not options["dry_run"])
        written = {} if options["dry_run"] else self._write_what_is_new(moves, is_quiet=is_quiet)
        if is_quiet:
            self.print_json({"moved": not options["dry_run"], "storages": [_as_json(move, written) for move in moves]})
        elif (database := configuration().database) and old.has(database):
            self.stdout.write("POLARDB_URL still leads to the old place: change it, too, and restart Label Studio.")

    def _say(self, moves: Sequence[Move], *, is_done: bool) -> None:
        for move in moves:
            rows = f", {move.rows} rows of tasks" if move.direction == "source" else ""
            self.stdout.write(
                f"{move.direction} {move.before.pk}: {move.before.table_address} -> {move.after.table_address}{rows}"
            )
        said = "moved" if is_done else "can be moved; nothing was changed"
        self.stdout.write(f"{len(moves)} storages {said}.")

    def _write_what_is_new(self, moves: Sequence[Move], *, is_quiet: bool) -> dict[int, int]:
        """Compare the rows at the new place; how many were written, by target."""
        written = {}
        for move in moves:
            if not isinstance(move.before, PolarDBExportStorage):
                continue
            storage = PolarDBExportStorage.objects.get(pk=move.before.pk)
            try:
                _wait_for_old_deliveries(storage)
                retry_now(storage)
                differing = reconcile(storage).different
                report = deliver_everything(storage.pk)[storage.pk]
            except BridgeError as error:
                # It is moved: what is not compared now, serving processes compare within the hour.
                self.stderr.write(f"target {storage.pk}: not compared now: {error}")
                continue
            written[storage.pk] = report.written
            if report.error:
                self.stderr.write(f"target {storage.pk}: {report.error}")
            if not is_quiet:
                self.stdout.write(f"target {storage.pk}: {differing} rows differed, {report.written} written")
        return written


def _wait_for_old_deliveries(storage: PolarDBExportStorage) -> None:
    """What they write goes to the old place, and is taken for done."""
    until = time.monotonic() + _OLD_DELIVERIES_TIMEOUT_S
    while is_at_work(storage) and time.monotonic() < until:
        time.sleep(0.2)


def _asked_password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password at the new place: ")
    return sys.stdin.readline().rstrip("\r\n")


def _as_json(move: Move, written: dict[int, int]) -> dict[str, Any]:
    found = {
        "storage_id": move.before.pk,
        "direction": move.direction,
        "from": move.before.table_address,
        "to": move.after.table_address,
    }
    if move.direction == "source":
        return found | {"rows": move.rows}
    return found | {"written": written.get(move.before.pk)}
