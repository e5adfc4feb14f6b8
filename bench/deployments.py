"""What twenty deployments in one Label Studio cost. Run by `make bench-deployments`.

Two Label Studios side by side, one with a single deployment, one with twenty; the same requests go to both in turns.
BENCH_DATABASE=postgresql measures Label Studio on PostgreSQL; SQLite otherwise.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
from PIL import Image
from rich.console import Console
from rich.table import Table

from dev.label_studio import LabelStudio, run_command
from dev.servers import MariaDB, PostgreSQL
from polardb_bridge.table.connection import begin
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import create_table, source_table, template_table

DEPLOYMENTS = 20
ROWS = 200
REQUESTS = 150
EMAIL, PASSWORD = "bench@example.com", "correct-horse-9"
LONGEST_DEPLOY_S = 3.0
MOST_DIFFERENCE = 0.10

console = Console(width=110)


def prepare_tables(server: MariaDB) -> None:
    """A template, and for each deployment a table with rows and an empty one."""
    with begin(ConnectionParameters.from_url(server.url("mysql"))) as connection:
        connection.exec_driver_sql("CREATE DATABASE bench CHARACTER SET utf8mb4")
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), "red").save(buffer, "JPEG")
    image = base64.b64encode(buffer.getvalue()).decode()
    with begin(ConnectionParameters.from_url(server.url("bench"))) as connection:
        create_table(connection, template_table())
        schema = '{"type": "ObjectDetection", "labels": ["cat", "dog"]}'
        connection.execute(
            sa.text("INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('animals', :schema)"),
            {"schema": schema},
        )
        for number in range(DEPLOYMENTS):
            create_table(connection, source_table(f"empty_{number}"))
            create_table(connection, source_table(f"photos_{number}"))
            connection.execute(
                sa.text(
                    f"INSERT INTO photos_{number} (base64_data, mime_type, original_name) VALUES (:data, 'jpg', :name)"
                ),
                [{"data": image, "name": f"photo-{row}.jpg"} for row in range(ROWS)],
            )


class Site:
    """One Label Studio, and its first deployment as that deployment's user sees it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.server = LabelStudio(folder, environment, workers=1, threads=4)
        administrator = {"LABEL_STUDIO_USERNAME": EMAIL, "LABEL_STUDIO_PASSWORD": PASSWORD}
        for command in ("migrate", "ensure_superuser"):
            done = run_command(environment | administrator, command)
            assert done.returncode == 0, done.stderr
        self.server.start()
        self.administrator = self.server.session(EMAIL, PASSWORD)

    def run(self, statement: str) -> dict[str, Any]:
        """Run a statement; its first row by column."""
        answer = self.administrator.post(
            f"{self.server.url}/api/polardb/statements", json={"statement": statement}, timeout=120
        )
        assert answer.status_code == 200, answer.text
        [result] = answer.json()["results"]
        return dict(zip(result["columns"], result["rows"][0], strict=True)) if result["rows"] else {}

    def deploy(self, table: str) -> float:
        """Deploy the table for every address; seconds until the answer."""
        began = time.perf_counter()
        self.run(
            f"DEPLOY MODEL `Label-Studio` WITH (annotation_template_id='1', annotation_source='{table}',"
            f" deployment_name='{table}', image_delivery='link')"
        )
        took = time.perf_counter() - began
        self.run(f"UPDATE WHITEIPS `model_{table}` WITH (ips='127.0.0.1')")
        return took

    def wait_until_served(self, table: str) -> None:
        deadline = time.monotonic() + 120
        while self.run(f"SHOW DEPLOYMENT `{table}`")["tasks"] < ROWS:
            assert time.monotonic() < deadline, f"{table} is not served"
            time.sleep(0.2)

    def enter(self, table: str) -> None:
        row = self.run(f"SHOW DEPLOYMENT `{table}`")
        self.user = self.server.session(row["username"], row["password"])
        [project] = self.get("/api/projects").json()["results"]
        self.project = project["id"]
        self.tasks = self.get(f"/api/tasks?project={self.project}&page_size=30&fields=all").json()["tasks"]

    def get(self, path: str) -> requests.Response:
        answer = self.user.get(self.server.url + path, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


REQUEST_KINDS: dict[str, Callable[[Site, int], object]] = {
    "list of projects": lambda site, number: site.get("/api/projects"),
    "page of 30 tasks": lambda site, number: site.get(f"/api/tasks?project={site.project}&page_size=30&fields=all"),
    "one task": lambda site, number: site.get(f"/api/tasks/{site.tasks[number % 30]['id']}/"),
    "image by link": lambda site, number: site.get(site.tasks[number % 30]["data"]["image"]),
}


def compare(one: Site, many: Site) -> Iterator[tuple[str, float, float]]:
    """For each kind of request the medians of both sites, asked in turns."""
    for kind, request in REQUEST_KINDS.items():
        for site in (one, many):
            for number in range(10):
                request(site, number)
        times: tuple[list[float], list[float]] = ([], [])
        for number in range(REQUESTS):
            for site, taken in zip((one, many), times, strict=True):
                taken.append(seconds(partial(request, site, number)))
        yield kind, statistics.median(times[0]), statistics.median(times[1])


def main() -> int:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)  # PostgreSQL's own user must get through
        source = stack.enter_context(MariaDB(folder / "mariadb"))
        prepare_tables(source)
        sites = []
        for name in ("one", "many"):
            home = folder / name
            home.mkdir()
            environment = {
                "LABEL_STUDIO_BASE_DATA_DIR": str(home),
                "POLARDB_URL": source.url("bench"),
                "DJANGO_DB": "sqlite",
            }
            if os.environ.get("BENCH_DATABASE") == "postgresql":
                database = stack.enter_context(PostgreSQL(folder / f"postgresql-{name}"))
                environment |= {
                    "DJANGO_DB": "default",
                    "POSTGRE_HOST": "127.0.0.1",
                    "POSTGRE_PORT": str(database.port),
                }
            site = Site(home, environment)
            stack.callback(site.server.stop)
            sites.append(site)
        one, many = sites
        one.deploy("photos_0")
        for number in range(DEPLOYMENTS):
            many.deploy(f"photos_{number}")
        for site in sites:
            site.wait_until_served("photos_0")
            site.enter("photos_0")
        many.wait_until_served(f"photos_{DEPLOYMENTS - 1}")
        ratios = list(compare(one, many))
        deploys = [many.deploy(f"empty_{number}") for number in range(DEPLOYMENTS)]

    held = True
    table = Table("what", "one deployment", f"{DEPLOYMENTS} deployments", "ratio", "asked for", "")
    for kind, single, several in ratios:
        ratio = several / single
        kept = abs(ratio - 1) <= MOST_DIFFERENCE
        held &= kept
        table.add_row(
            kind, f"{single * 1000:.1f} ms", f"{several * 1000:.1f} ms", f"{ratio:.2f}", "0.90-1.10", _word(kept)
        )
    kept = max(deploys) < LONGEST_DEPLOY_S
    held &= kept
    table.add_row(
        "deploying an empty table",
        "",
        f"p50 {statistics.median(deploys):.2f} s, longest {max(deploys):.2f} s",
        "",
        f"under {LONGEST_DEPLOY_S:.0f} s",
        _word(kept),
    )
    console.print(table)
    return 0 if held else 1


def _word(kept: bool) -> str:
    return "held" if kept else "[red]missed[/red]"


if __name__ == "__main__":
    sys.exit(main())
