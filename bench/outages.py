"""How soon rows are right after outages of each kind and of random length. Run by `make bench-writeback`.

Several outages at once, each kind on tables of its own. An outage begins while somebody submits, so that its first
failure falls anywhere in the rhythm of attempts. Measured is the time from the table being back until all its rows
equal Label Studio. OUTAGES: how many of each kind (default: 12).
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from bench.label_studio import own_label_studio
from bench.writeback import EMAIL, PASSWORD, result
from dev.label_studio import LabelStudio
from dev.servers import MariaDB
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import create_table, source_table, template_table
from support.proxy import Proxy

OUTAGES = int(os.environ.get("OUTAGES", "12"))
SHORTEST_S, LONGEST_S = 5.0, float(os.environ.get("LONGEST_S", "180"))
ROWS = 5
TABLE = "bench_source"

console = Console(width=110)


@dataclass
class Place:
    """A table whose server, or way to it, fails; and the tasks of its rows by row id."""

    kind: str
    server: MariaDB
    admin: ConnectionParameters
    proxy: Proxy | None = None
    tasks: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def execute(self, *statements: str) -> None:
        with begin(self.admin) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def break_it(self) -> Callable[[], None]:
        """Begin the outage; what ends it."""
        if self.kind == "killed":
            self.server.kill()
            return self.server.start
        if self.kind == "frozen":
            self.server.freeze()
            return self.server.thaw
        if self.kind == "cut":
            assert self.proxy
            proxy = self.proxy
            proxy.refuse = True
            proxy.cut_all()
            return lambda: setattr(proxy, "refuse", False)
        if self.kind == "renamed":
            self.execute(f"RENAME TABLE {TABLE} TO hidden")
            return lambda: self.execute(f"RENAME TABLE hidden TO {TABLE}")
        if self.kind == "revoked":
            user = f"writer_{self.admin.database}@'%%'"
            self.execute(
                f"REVOKE UPDATE ON {self.admin.database}.* FROM {user}", f"KILL USER writer_{self.admin.database}"
            )
            return lambda: self.execute(f"GRANT UPDATE ON {self.admin.database}.* TO {user}")
        # The name of its host is not known.
        _set_host(self, "no-such-host.invalid")
        return lambda: _set_host(self, "127.0.0.1")

    def holds(self, expected: dict[int, str]) -> bool:
        """Whether the rows hold the results with these boxes."""
        with connect(self.admin) as connection:
            found = connection.exec_driver_sql(f"SELECT id, annotation_data FROM {TABLE}").all()
        return all(expected[row_id] in str(data) for row_id, data in found if row_id in expected)


def _set_host(place: Place, host: str) -> None:
    # As if names were not resolved for a while: the storage is not saved by a person, which would retry at once.
    from polardb_bridge.storage.models import PolarDBExportStorage

    PolarDBExportStorage.objects.filter(database=place.admin.database).update(host=host)


KINDS = ("killed", "frozen", "cut", "renamed", "revoked", "name")


class Bench:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.places: list[Place] = []

    def prepare(self) -> None:
        import django

        django.setup()
        from django.core.management import call_command
        from organizations.models import Organization
        from users.models import User

        call_command("migrate", verbosity=0)
        user = User.objects.create_superuser(email=EMAIL, password=PASSWORD)
        user.active_organization = Organization.create_organization(created_by=user, title="Label Studio")
        user.save()
        shared = self.server("shared")
        for kind in KINDS:
            server = self.server(kind) if kind in ("killed", "frozen") else shared
            self.places.append(self.place(kind, server))

    def server(self, name: str) -> MariaDB:
        server = MariaDB(self.folder / name)
        self.stack.enter_context(server)
        return server

    def place(self, kind: str, server: MariaDB) -> Place:
        from polardb_bridge.deployments.projects import provision_project
        from polardb_bridge.storage.models import PolarDBExportStorage
        from polardb_bridge.storage.sync.run import run_sync

        admin = ConnectionParameters.from_url(server.url("mysql"))
        with begin(admin) as connection:
            connection.exec_driver_sql(f"CREATE DATABASE bench_{kind} CHARACTER SET utf8mb4")
            connection.exec_driver_sql(f"CREATE USER writer_bench_{kind}@'%%' IDENTIFIED BY 'secret'")
            connection.exec_driver_sql(f"GRANT SELECT, UPDATE ON bench_{kind}.* TO writer_bench_{kind}@'%%'")
        parameters = ConnectionParameters(admin.host, f"bench_{kind}", admin.user, admin.password, admin.port)
        place = Place(kind, server, parameters)
        with begin(parameters) as connection:
            create_table(connection, template_table())
            create_table(connection, source_table(TABLE))
            connection.exec_driver_sql(
                "INSERT INTO annotation_template (tp_name, tp_schema) VALUES "
                """('animals', '{"type": "ObjectDetection", "labels": ["cat", "dog"]}')"""
            )
            for _ in range(ROWS):
                connection.exec_driver_sql(
                    f"INSERT INTO {TABLE} (base64_data, mime_type, original_name) VALUES "
                    "('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='"
                    ", 'png', 'x.png')"
                )
        made = provision_project(parameters, template="animals", source=TABLE, name=kind)
        assert made.import_storage
        run_sync(made.import_storage)
        writer: dict[str, Any] = {"user": f"writer_bench_{kind}", "password": "secret"}
        if kind == "cut":
            place.proxy = self.stack.enter_context(Proxy(server.port))
            writer["port"] = place.proxy.port
        storage = PolarDBExportStorage.objects.get(project=made.project)
        for name, value in writer.items():
            setattr(storage, name, value)
        storage.save()
        place.tasks = {row_id: pk for pk, row_id in made.project.tasks.values_list("pk", "data__id")}
        return place

    def run(self) -> None:
        with LabelStudio(self.folder / "label-studio", {}) as label_studio:
            session = label_studio.session(EMAIL, PASSWORD)
            threads = [threading.Thread(target=self.outages, args=(p, label_studio, session)) for p in self.places]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def outages(self, place: Place, label_studio: LabelStudio, session: requests.Session) -> None:
        chance = random.Random(place.kind)  # noqa: S311
        submitted = 0
        for _ in range(OUTAGES):
            time.sleep(chance.random() * 3)
            length = SHORTEST_S * (LONGEST_S / SHORTEST_S) ** chance.random()
            end = place.break_it()
            broken = time.monotonic()
            expected: dict[int, str] = {}
            while time.monotonic() - broken < length or not expected:
                row_id = chance.choice(list(place.tasks))
                url = f"{label_studio.url}/api/tasks/{place.tasks[row_id]}/annotations/"
                answer = requests.post(
                    url,
                    json={"result": result(submitted)},
                    headers=session.headers,
                    cookies=session.cookies,
                    timeout=60,
                )
                assert answer.status_code == 201, answer.text
                expected[row_id] = f'"box{submitted}_0"'
                submitted += 1
                time.sleep(min(length / 4, 3))
            end()
            back = time.monotonic()
            while not place.holds(expected):
                assert time.monotonic() - back < 300, f"{place.kind}: not right after 300 s"
                time.sleep(0.05)
            place.seconds.append(time.monotonic() - back)
            console.print(f"{place.kind}: {length:.0f} s, right after {place.seconds[-1]:.1f} s", highlight=False)

    def tell(self) -> None:
        console.print("\n| outage | how many | p50 s | p90 s | longest s |\n|---|---|---|---|---|", highlight=False)
        everything = [seconds for place in self.places for seconds in place.seconds]
        for kind, found in [*((place.kind, place.seconds) for place in self.places), ("all", everything)]:
            p90 = statistics.quantiles(found, n=10, method="inclusive")[-1]
            line = f"| {kind} | {len(found)} | {statistics.median(found):.1f} | {p90:.1f} | {max(found):.1f} |"
            console.print(line, highlight=False)


def main() -> int:
    with ExitStack() as stack:
        folder = own_label_studio("outages", stack)
        bench = Bench(folder, stack)
        bench.prepare()
        bench.run()
        bench.tell()
    return 0


if __name__ == "__main__":
    sys.exit(main())
