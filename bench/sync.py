"""How fast rows become tasks, beside Label Studio's own ways and the bound. Run by `make bench`.

    python -m bench.sync [--rows 1000000] [--images 10000] [--own 1000] [--databases sqlite postgresql]

Everything compared runs in one call on one machine, with private servers. The bound streams rows and creates tasks and
links in bulk, and nothing else. Results go to bench/results.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from dev.servers import MariaDB, PostgreSQL

RESULTS = Path(__file__).with_name("results.md")
KEYS_TABLE, IMAGES_TABLE = "bench_rows", "bench_images"
IMAGE_BYTES = 100 * 1024
CHANGED = 1000


@dataclass(frozen=True)
class Measurement:
    """rows in seconds; peak: the process' largest memory meanwhile, in MB."""

    name: str
    rows: int
    seconds: float
    peak: float

    @property
    def speed(self) -> float:
        return self.rows / self.seconds


@contextmanager
def peak_memory() -> Iterator[list[float]]:
    """The largest resident memory of this process within, in MB."""
    me, peak, done = psutil.Process(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], me.memory_info().rss / 1e6)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield peak
    done.set()
    thread.join()


def measured(name: str, rows: int, work: Callable[..., Any], *arguments: Any) -> Measurement:
    with peak_memory() as peak:
        begun = time.perf_counter()
        work(*arguments)
        seconds = time.perf_counter() - begun
    found = Measurement(name, rows, seconds, peak[0])
    print(f"  {name}: {found.speed:,.0f} rows/s, {seconds:.1f} s, peak {found.peak:.0f} MB", flush=True)
    return found


def fill_tables(url: str, rows: int, images: int) -> None:
    """`rows` rows of 1 KB, and `images` rows that hold a JPEG of about 100 KB in base64."""
    import io

    from PIL import Image

    from polardb_bridge.table.connection import ConnectionParameters, begin
    from polardb_bridge.table.schema import create_table, source_table, template_table

    parameters = ConnectionParameters.from_url(url)
    buffer = io.BytesIO()
    noise = Image.frombytes("RGB", (190, 190), os.urandom(190 * 190 * 3))
    noise.save(buffer, "JPEG", quality=95)
    with begin(parameters) as connection:
        for table in (template_table(), source_table(KEYS_TABLE), source_table(IMAGES_TABLE)):
            create_table(connection, table)
        connection.exec_driver_sql(
            "INSERT INTO annotation_template (tp_name, tp_schema)"
            """ VALUES ('bench', '{"type": "ObjectDetection", "labels": ["cat"]}')"""
        )
        insert = (
            "INSERT INTO {} (base64_data, mime_type, original_name) SELECT {}, 'jpg', CONCAT('photo-', seq, '.jpg')"
        )
        connection.exec_driver_sql(insert.format(KEYS_TABLE, "REPEAT('A', 1000)") + f" FROM seq_1_to_{rows}")
        # Bytes after the end of a JPEG change nothing: every row has the size asked for.
        jpeg = buffer.getvalue().ljust(IMAGE_BYTES * 3 // 4, b"\0")
        connection.exec_driver_sql(insert.format(IMAGES_TABLE, "TO_BASE64(%s)") + f" FROM seq_1_to_{images}", (jpeg,))


def bound(storage: Any, delivery: str) -> None:
    """Stream rows and create tasks and links in bulk: nothing is decoded, checked, counted or told to anybody."""
    from django.db import transaction
    from tasks.models import Task

    from polardb_bridge.storage.models import PolarDBImportStorageLink
    from polardb_bridge.table.connection import connect
    from polardb_bridge.table.rows import read_key_pages, read_rows

    size = 1000 if delivery == "link" else 40
    with connect(storage.connection_parameters()) as connection:
        for keys in read_key_pages(connection, storage.table):
            if delivery == "link":
                rows: Iterator[tuple[int, str]] = ((key.id, f"/data/polardb/?d=1/{key.id}/1.jpg") for key in keys)
            else:
                found = read_rows(connection, storage.table, [key.id for key in keys])
                rows = ((row.id, f"data:image/jpeg;base64,{row.base64_data}") for row in found)  # type: ignore[str-bytes-safe]
            while batch := [row for row, _ in zip(rows, range(size), strict=False)]:
                with transaction.atomic():
                    tasks = Task.objects.bulk_create(
                        Task(data={"image": image, "id": row_id}, project=storage.project) for row_id, image in batch
                    )
                    PolarDBImportStorageLink.objects.bulk_create(
                        PolarDBImportStorageLink(storage=storage, task=task, key=str(row_id), row_id=row_id)
                        for task, (row_id, _) in zip(tasks, batch, strict=True)
                    )


def change_rows(parameters: Any, table: str, rows: int) -> None:
    """Change the first rows and delete the last ones."""
    from polardb_bridge.table.connection import begin

    with begin(parameters) as connection:
        later = "updated_at = updated_at + INTERVAL 1 MINUTE"
        connection.exec_driver_sql(f"UPDATE {table} SET {later} WHERE id <= {CHANGED}")
        connection.exec_driver_sql(f"DELETE FROM {table} WHERE id > {rows - CHANGED}")


def follow_changes(storage: Any) -> None:
    """Sync after `change_rows`, and fail where the sync did not find all that it did."""
    from polardb_bridge.storage.sync import run_sync

    report = run_sync(storage)
    if (report.updated, report.removed) != (CHANGED, CHANGED):
        raise RuntimeError(f"the changes were not found: {report}")


def own_storage(user: Any, files: int, folder: Path) -> None:
    """Label Studio's "Local files" storage on as many files."""
    from io_storages.localfiles.models import LocalFilesImportStorage
    from projects.models import Project

    project = Project.objects.create(title="local files", created_by=user, organization=user.active_organization)
    storage = LocalFilesImportStorage.objects.create(
        project=project, path=str(folder), regex_filter=r".*\.jpg", use_blob_urls=True
    )
    storage.sync()
    storage.refresh_from_db()
    if storage.last_sync_count != files:
        raise RuntimeError(
            f"Label Studio's storage made {storage.last_sync_count} tasks of {files}: {storage.traceback}"
        )


def run_on_one_database(rows: int, images: int, own: int) -> list[str]:
    """All measurements on the database that the environment names; the lines of a table."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from organizations.models import Organization
    from users.models import User

    from polardb_bridge.conf import command_database
    from polardb_bridge.deployments.provision import provision_project
    from polardb_bridge.storage.sync import run_sync

    call_command("migrate", verbosity=0)
    user = User.objects.create_superuser(email="bench@example.com", password="only-for-the-bench")
    user.active_organization = Organization.create_organization(created_by=user, title="Label Studio")
    user.save()
    parameters = command_database()

    def storage(table: str, name: str, delivery: str) -> Any:
        made = provision_project(parameters, template="bench", source=table, name=name, image_delivery=delivery)
        return made.import_storage

    lines = []
    for delivery, table, count in (("link", KEYS_TABLE, rows), ("data_uri", IMAGES_TABLE, images)):
        limit = measured(f"{delivery}: bound", count, bound, storage(table, f"bound {delivery}", delivery), delivery)
        ours = storage(table, f"sync {delivery}", delivery)
        steps = [
            limit,
            measured(f"{delivery}: our sync", count, run_sync, ours),
            measured(f"{delivery}: nothing to do", count, run_sync, ours),
        ]
        if delivery == "link":
            change_rows(parameters, table, rows)
            name = f"{delivery}: {CHANGED} changed, {CHANGED} deleted"
            steps.append(measured(name, count, follow_changes, ours))
        lines += [_line(step, limit) for step in steps]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(own):
            (Path(folder) / f"photo-{number}.jpg").write_bytes(b"x")
        os.environ["LOCAL_FILES_SERVING_ENABLED"] = "true"
        found = measured("Label Studio's local files", own, own_storage, user, own, Path(folder))
        lines.append(_line(found, found))
    return [f"### {connection.vendor}", "", *_HEAD, *lines, ""]


_HEAD = ["| what | rows | rows/s | of the bound | seconds | peak MB |", "|---|---|---|---|---|---|"]


def _line(found: Measurement, limit: Measurement) -> str:
    ratio = found.speed / limit.speed
    return (
        f"| {found.name} | {found.rows:,} | {found.speed:,.0f} | {ratio:.2f} | {found.seconds:.1f} | {found.peak:.0f} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sync")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of 1 KB, delivered by link")
    parser.add_argument("--images", type=int, default=10_000, help="rows of 100 KB, delivered as data URIs")
    parser.add_argument("--own", type=int, default=1000, help="files for Label Studio's own storage")
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    parser.add_argument("--on", help=argparse.SUPPRESS)  # a call of this program by itself
    options = parser.parse_args()
    if options.on:
        Path(options.on).write_text("\n".join(run_on_one_database(options.rows, options.images, options.own)))
        return 0
    report = [
        "# Rows to tasks",
        "",
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, Label Studio {version('label-studio')}.",
        "",
    ]
    with tempfile.TemporaryDirectory(prefix="polardb-bridge-bench-") as folder:
        Path(folder).chmod(0o755)
        server = MariaDB(Path(folder) / "mariadb", options=["--max-allowed-packet=64M"])
        with server:
            fill_database(server, options)
            for database in options.databases:
                print(database, flush=True)
                report += measure_in_process(Path(folder), server, database)
    RESULTS.write_text("\n".join(report))
    print(RESULTS.read_text())
    return 0


def fill_database(server: MariaDB, options: argparse.Namespace) -> None:
    from polardb_bridge.table.connection import ConnectionParameters, begin

    with begin(ConnectionParameters.from_url(server.url("mysql"))) as connection:
        connection.exec_driver_sql("CREATE DATABASE bench CHARACTER SET utf8mb4")
    fill_tables(server.url("bench"), options.rows, options.images)


def measure_in_process(folder: Path, server: MariaDB, database: str) -> list[str]:
    """A process of its own for each database: Label Studio's settings choose it once."""
    data = folder / f"label-studio-{database}"
    data.mkdir()
    environment = {
        **os.environ,
        "POLARDB_URL": server.url("bench"),
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings",
        "LOG_LEVEL": "ERROR",
        "DJANGO_DB": "sqlite",
    }
    command = [sys.executable, "-m", "bench.sync", *sys.argv[1:], "--on", str(data / "lines")]
    if database == "sqlite":
        subprocess.run(command, env=environment, check=True)
    else:
        with PostgreSQL(folder / "postgresql") as postgresql:
            environment |= {"DJANGO_DB": "default", "POSTGRE_HOST": "127.0.0.1", "POSTGRE_PORT": str(postgresql.port)}
            subprocess.run(command, env=environment, check=True)
    return (data / "lines").read_text().splitlines()


if __name__ == "__main__":
    sys.exit(main())
