"""How fast rows become tasks and images are shown, beside Label Studio's own ways and the bound. Run by `make bench`.

    python -m bench.sync [--quick] [--rows 1000000] [--images 10000] [--own 1000] [--databases sqlite postgresql]

Everything compared runs in one call on one machine, with private servers. The bound streams rows and creates tasks and
links in bulk, and nothing else. Results go to bench/results.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench import imports, keys, tables
from bench.measure import Claim, Measurement, latency_table, measured, speed_table
from bench.viewers import VIEWERS, Viewing, watch
from dev.label_studio import LabelStudio
from dev.servers import MariaDB, PostgreSQL
from polardb_bridge.choices import ImageDelivery
from polardb_bridge.table.asked_mapping import NOTHING_ASKED, AskedMapping

RESULTS = Path(__file__).with_name("results.md")
EMAIL, PASSWORD = "bench@example.com", "only-for-the-bench"
DATABASES = ("sqlite", "postgresql")


class Bench:
    """All measurements on the database that the environment names."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        from polardb_bridge.conf import command_database

        self.options = options
        self.folder = folder
        self.parameters = command_database()
        self.steps: list[tuple[Measurement, Measurement]] = []
        self.claims: list[Claim] = []

    def run(self) -> list[str]:
        """The lines of the report on this database; `claims` has the rest."""
        from django.core.management import call_command
        from django.db import connection
        from organizations.models import Organization
        from users.models import User

        call_command("migrate", verbosity=0)
        self.user = User.objects.create_superuser(email=EMAIL, password=PASSWORD)
        self.user.active_organization = Organization.create_organization(created_by=self.user, title="Label Studio")
        self.user.save()
        self._link()
        self._kinds_of_keys()
        self._data_uri()
        local_project = self._own_ways()
        viewing = self._viewers(local_project)
        waited = f"{VIEWERS} viewers at once: {viewing.requests} requests in {viewing.seconds:.1f} s"
        latencies = [viewing.link_page, viewing.local_page, viewing.link_image, viewing.local_image]
        return [
            *(f"## {connection.vendor}", "", *speed_table(self.steps), "", *latency_table(latencies), ""),
            *(f"{waited}, {viewing.errors} failed.", "", *(claim.line for claim in self.claims), ""),
        ]

    def _storage(self, table: str, name: str, delivery: ImageDelivery, asked: AskedMapping = NOTHING_ASKED) -> Any:
        from polardb_bridge.deployments.projects import provision_project

        made = provision_project(
            self.parameters,
            template="bench",
            source=table,
            name=name,
            image_delivery=delivery,
            asked=asked,
        )
        return made.import_storage

    def _add(self, limit: Measurement, *steps: Measurement) -> None:
        self.steps += [(step, limit) for step in steps]

    def _claim(self, text: str, value: float, limit: float, *, at_least: bool = False, unit: str = "") -> None:
        self.claims.append(Claim(text, value, limit, at_least, unit))
        print(f"  {self.claims[-1].line}", flush=True)

    def _speed(self, name: str) -> float:
        """Of the last step of this name."""
        return [step.speed for step, _ in self.steps if step.name == name][-1]

    def _link(self) -> None:
        rows = self.options.rows
        few = self._sync_of(tables.FEW_KEYS, "link few", ImageDelivery.LINK, rows // 10)
        limit = measured(
            "link: bound", rows, imports.bound, self._storage(tables.KEYS, "bound link", ImageDelivery.LINK), "link"
        )
        storage = self._storage(tables.KEYS, "sync link", ImageDelivery.LINK)
        ours = measured("link: our sync", rows, imports.our_sync, storage)
        nothing = measured("link: nothing to do", rows, imports.our_sync, storage)
        tables.change_and_delete(self.parameters)
        name = f"link: {tables.CHANGED:,} changed, {tables.CHANGED:,} deleted"
        changes = measured(name, rows, imports.follow_changes, storage)
        tables.replace_deleted(self.parameters)
        self._add(limit, limit, few, ours, nothing, changes)
        self._claim("link, speed beside the bound", ours.speed / limit.speed, 0.7, at_least=True)
        self._claim(f"link, {rows:,} rows (in proportion to 6 min a million)", ours.seconds, rows * 360e-6, unit=" s")
        self._claim("link, peak memory", ours.peak, 400, unit=" MB")
        self._claim(f"link, peak memory beside that of {rows // 10:,} rows", ours.peak / few.peak, 1.1)
        self._claim(f"link, a sync with nothing to do on {rows:,} rows", nothing.seconds, 30, unit=" s")
        found = f"link, {tables.CHANGED:,} changed and {tables.CHANGED:,} deleted rows found in one pass"
        self._claim(f"{found} (its seconds)", changes.seconds, 60, unit=" s")

    def _kinds_of_keys(self) -> None:
        steps, claims = keys.compare(
            lambda table, name: self._storage(table, name, ImageDelivery.LINK, AskedMapping(key=("id",))),
            self.options.keys,
        )
        bounds = {step.name: limit for step, limit in self.steps}
        self._add(bounds["link: our sync"], *steps)
        for claim in claims:
            self._claim(claim.text, claim.value, claim.limit)

    def _data_uri(self) -> None:
        images = self.options.images
        few = self._sync_of(tables.FEW_IMAGES, "uri few", ImageDelivery.DATA_URI, images // 10)
        storage = self._storage(tables.IMAGES, "bound uri", ImageDelivery.DATA_URI)
        limit = measured("data_uri: bound", images, imports.bound, storage, "data_uri")
        ours = self._sync_of(tables.IMAGES, "sync uri", ImageDelivery.DATA_URI, images)
        self._add(limit, limit, few, ours)
        self._claim("data_uri, speed beside the bound", ours.speed / limit.speed, 0.8, at_least=True)
        self._claim(f"data_uri, peak memory beside that of {images // 10:,} rows", ours.peak / few.peak, 1.1)

    def _sync_of(self, table: str, name: str, delivery: ImageDelivery, rows: int) -> Measurement:
        return measured(f"{delivery}: our sync", rows, imports.our_sync, self._storage(table, name, delivery))

    def _own_ways(self) -> int:
        """Label Studio's own; the id of the project of its local files."""
        from django.conf import settings

        own, files, image = self.options.own, self.folder / "files", tables.jpeg()
        files.mkdir()
        imports.write_files(files, own, image)
        serving = {"LOCAL_FILES_SERVING_ENABLED": "true", "LOCAL_FILES_DOCUMENT_ROOT": str(self.folder)}
        os.environ.update(serving)  # for the server of the viewers
        settings.LOCAL_FILES_SERVING_ENABLED, settings.LOCAL_FILES_DOCUMENT_ROOT = True, str(self.folder)
        bounds = {step.name: limit for step, limit in self.steps}
        project = imports.new_project(self.user, "local files")
        local = measured("Label Studio's local files", own, imports.local_files, project, own, files)
        self._add(bounds["link: our sync"], local)
        target = imports.new_project(self.user, "JSON")
        name = "Label Studio's JSON import, data URIs"
        uris = measured(name, own, imports.json_import, target, self.user, own, image)
        self._add(bounds["data_uri: our sync"], uris)
        times = self._speed("link: our sync") / local.speed
        self._claim("link, speed beside Label Studio's local files", times, 15, at_least=True)
        return int(project.pk)

    def _viewers(self, local_project: int) -> Viewing:
        storage = self._storage(tables.FEW_IMAGES, "view link", ImageDelivery.LINK)
        imports.our_sync(storage)
        from django.db import connections

        connections.close_all()
        with LabelStudio(self.folder / "server", {}) as server:
            session = server.session(EMAIL, PASSWORD)
            viewing = watch(server, session, storage.project_id, local_project)
        page = viewing.link_page.p50 / viewing.local_page.p50
        self._claim("page of 30 link tasks beside one of Label Studio's local files, p50", page, 1.2)
        image = viewing.link_image.p50 / viewing.local_image.p50
        self._claim("image by link beside Label Studio's local file, p50", image, 1.5)
        self._claim(f"errors of {VIEWERS} viewers at once", viewing.errors, 0)
        return viewing


def main() -> int:
    options = parse()
    if options.on:
        import django

        django.setup()
        bench = Bench(options, Path(options.on))
        lines = bench.run()
        (bench.folder / "result.json").write_text(
            json.dumps({"lines": lines, "missed": [claim.line for claim in bench.claims if not claim.holds]})
        )
        return 0
    begun = time.monotonic()
    parts, missed = [], []
    with tempfile.TemporaryDirectory(prefix="polardb-bridge-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with MariaDB(folder / "mariadb", options=["--max-allowed-packet=64M"]) as server:
            fill_database(server, options)
            for database in options.databases:
                print(database, flush=True)
                result = measure_in_process(folder, server, database)
                parts += result["lines"]
                missed += result["missed"]
    report = [*head(options, time.monotonic() - begun), *parts]
    RESULTS.write_text("\n".join(report).rstrip() + "\n")
    print(RESULTS.read_text())
    print("All held." if not missed else "\n".join(["Missed:", *missed]))
    return 1 if missed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sync")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of 1 KB, delivered by link")
    parser.add_argument("--images", type=int, default=10_000, help="rows of 100 KB, delivered as data URIs")
    parser.add_argument("--keys", type=int, default=100_000, help="rows of 1 KB for each kind of key")
    parser.add_argument("--own", type=int, default=1000, help="tasks for Label Studio's own ways")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small sizes, to try it: 30,000 rows, 1,000 images, 20,000 of each kind of key",
    )
    parser.add_argument("--databases", nargs="+", default=list(DATABASES), choices=DATABASES)
    parser.add_argument("--on", help=argparse.SUPPRESS)  # a call of this program by itself: the folder to work in
    options = parser.parse_args()
    if options.quick:
        options.rows, options.images, options.own, options.keys = 30_000, 1000, 200, 20_000
    return options


def head(options: argparse.Namespace, seconds: float) -> list[str]:
    memory = psutil.virtual_memory().total / 1024**3
    versions = [f"{name} {version(name)}" for name in ("label-studio", "Django", "SQLAlchemy", "mysqlclient")]
    servers = [_version("mariadbd"), _version(f"{PostgreSQL(Path())._bin('postgres')}")]
    return [
        "# Rows to tasks",
        "",
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB, "
        f"Python {platform.python_version()}, {', '.join(versions)}; {'; '.join(servers)}. "
        f"{options.rows:,} rows of 1 KB, {options.keys:,} for each kind of key, "
        f"{options.images:,} of 100 KB, {options.own:,} tasks for Label Studio's own "
        f"ways; {seconds / 60:.0f} minutes.",
        "",
        "The bound streams rows and creates tasks and links in bulk, and nothing else: no check of an image, no count, "
        "no summary, no state, no webhook. Each step runs in a process of its own; its peak includes the 250 MB or so "
        "that Label Studio takes when it does nothing. The server of the latencies is gunicorn with 2 processes of 4 "
        "threads; both kinds of request in turn, images never from a cache.",
        "",
    ]


def _version(program: str) -> str:
    path = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    said = subprocess.run([program, "--version"], env={"PATH": path}, capture_output=True, text=True, check=True).stdout
    words = said.split()
    number = next(word for word in words if word[0].isdigit())
    return f"{'MariaDB' if 'MariaDB' in said else 'PostgreSQL'} {number.partition('-')[0]}"


def fill_database(server: MariaDB, options: argparse.Namespace) -> None:
    from polardb_bridge.table.connection import begin
    from polardb_bridge.table.parameters import ConnectionParameters

    with begin(ConnectionParameters.from_url(server.url("mysql"))) as connection:
        connection.exec_driver_sql("CREATE DATABASE bench CHARACTER SET utf8mb4")
    tables.fill(server.url("bench"), options.rows, options.images)
    with begin(ConnectionParameters.from_url(server.url("bench"))) as connection:
        keys.fill(connection, options.keys)


def measure_in_process(folder: Path, server: MariaDB, database: str) -> dict[str, list[str]]:
    """A process of its own for each database: Label Studio's settings choose it once."""
    data = folder / f"label-studio-{database}"
    data.mkdir()
    environment = {
        **os.environ,
        "POLARDB_URL": server.url("bench"),
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "SECRET_KEY": "only-for-the-bench",
        "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings",
        "LOG_LEVEL": "ERROR",
        "DJANGO_DB": "sqlite",
    }
    command = [sys.executable, "-m", "bench.sync", *sys.argv[1:], "--on", str(data)]
    if database == "sqlite":
        subprocess.run(command, env=environment, check=True)
    else:
        with PostgreSQL(folder / "postgresql") as postgresql:
            environment |= {"DJANGO_DB": "default", "POSTGRE_HOST": "127.0.0.1", "POSTGRE_PORT": str(postgresql.port)}
            subprocess.run(command, env=environment, check=True)
    result: dict[str, list[str]] = json.loads((data / "result.json").read_text())
    return result


if __name__ == "__main__":
    sys.exit(main())
