"""What write-back costs a submit, and how soon a result is in its row. Run by `make bench-writeback`.

Private servers, gunicorn with two processes, and a client on the same machine; nothing outside is touched.
BENCH_DATABASE=postgresql measures Label Studio on PostgreSQL; SQLite otherwise.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from bench.label_studio import own_label_studio
from dev.label_studio import LabelStudio, Worker
from dev.servers import MariaDB, Redis
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.result_table import result_table
from polardb_bridge.table.schema import create_table, source_table, template_table

SUBMITS = 200
BULK = 10_000
EMAIL, PASSWORD = "bench@example.com", "correct-horse-9"
SOURCE, RESULTS = "bench_source", "bench_results"

console = Console(width=110)


def result(number: int) -> list[dict[str, Any]]:
    """Three boxes, as a person draws them in a minute."""
    return [
        {
            "id": f"box{number}_{index}",
            "type": "rectanglelabels",
            "value": {"x": 10.5, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["cat"]},
            "origin": "manual",
            "to_name": "image",
            "from_name": "label",
            "image_rotation": 0,
            "original_width": 640,
            "original_height": 480,
        }
        for index in range(3)
    ]


class Bench:
    def __init__(self, folder: Path, server: MariaDB) -> None:
        self.folder = folder
        self.server = server
        self.parameters = ConnectionParameters.from_url(server.url("bench"))
        self.rows: list[tuple[str, str, str]] = []

    def prepare(self) -> None:
        """A migrated Label Studio, a project with a table and a target, and one like it without."""
        import django

        django.setup()
        from django.core.management import call_command
        from organizations.models import Organization
        from PIL import Image
        from projects.models import Project
        from users.models import User

        from polardb_bridge.deployments.projects import provision_project
        from polardb_bridge.storage.sync.run import run_sync

        call_command("migrate", verbosity=0)
        user = User.objects.create_superuser(email=EMAIL, password=PASSWORD)
        user.active_organization = Organization.create_organization(created_by=user, title="Label Studio")
        user.save()
        with begin(ConnectionParameters.from_url(self.server.url("mysql"))) as connection:
            connection.exec_driver_sql("CREATE DATABASE bench CHARACTER SET utf8mb4")
        buffer = io.BytesIO()
        Image.new("RGB", (64, 48), "red").save(buffer, "PNG")
        image = base64.b64encode(buffer.getvalue()).decode()
        with begin(self.parameters) as connection:
            create_table(connection, template_table())
            create_table(connection, source_table(SOURCE))
            schema = '{"type": "ObjectDetection", "labels": ["cat", "dog"]}'
            connection.execute(
                sa.text("INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('animals', :schema)"),
                {"schema": schema},
            )
            connection.execute(
                sa.text(f"INSERT INTO {SOURCE} (base64_data, mime_type, original_name) VALUES (:data, 'png', :name)"),
                [{"data": image, "name": f"photo-{number}.png"} for number in range(BULK)],
            )
        self.with_target = provision_project(self.parameters, template="animals", source=SOURCE, name="with target")
        assert self.with_target.import_storage
        run_sync(self.with_target.import_storage)
        self.without = Project.objects.create(
            title="without target",
            label_config=self.with_target.project.label_config,
            created_by=user,
            organization=user.active_organization,
        )
        self.copy_tasks(self.without)
        self.tasks = list(self.with_target.project.tasks.order_by("pk").values_list("pk", "data__id"))
        self.other_tasks = list(self.without.tasks.order_by("pk").values_list("pk", flat=True))

    def copy_tasks(self, project: Any) -> None:
        from tasks.models import Task

        tasks = self.with_target.project.tasks.order_by("pk")
        Task.objects.bulk_create(
            [Task(project=project, data=task.data, overlap=1, inner_id=task.inner_id) for task in tasks],
            batch_size=500,
        )

    def add(self, what: str, measured: str, asked: str = "") -> None:
        self.rows.append((what, measured, asked))
        console.print(f"{what}: {measured}", highlight=False)

    # ------------------------------------------------------------------ submits

    @contextlib.contextmanager
    def label_studio(self, **variables: str) -> Iterator[tuple[LabelStudio, Any]]:
        server = LabelStudio(self.folder, {"POLARDB_RECONCILE_MINUTES": "0", **variables})
        with server:
            session = server.session(EMAIL, PASSWORD)
            for number in range(20):  # both processes have loaded everything
                self.submit(server, session, self.tasks[number][0], number)
                self.submit(server, session, self.other_tasks[number], number)
            yield server, session

    def submit(self, server: LabelStudio, session: Any, task: int, number: int) -> float:
        """Seconds until the answer."""
        began = time.perf_counter()
        answer = session.post(
            f"{server.url}/api/tasks/{task}/annotations/", json={"result": result(number)}, timeout=60
        )
        took = time.perf_counter() - began
        assert answer.status_code == 201, answer.text
        return took

    def side_by_side(self, server: LabelStudio, session: Any, pause: float = 0.05) -> tuple[list[float], list[float]]:
        """Seconds of submits without and with a target, one of each in turn."""
        without, with_target = [], []
        for number in range(SUBMITS):
            without.append(self.submit(server, session, self.other_tasks[100 + number], number))
            time.sleep(pause)
            with_target.append(self.submit(server, session, self.tasks[100 + number][0], number))
            time.sleep(pause)
        return without, with_target

    def compare(self, what: str, without: list[float], with_target: list[float], asked: str) -> None:
        def text(values: list[float]) -> str:
            return (
                f"p50 {percentile(values, 50):.1f}, p95 {percentile(values, 95):.1f}, max {max(values) * 1000:.0f} ms"
            )

        more = [percentile(with_target, p) - percentile(without, p) for p in (50, 95)]
        self.add(f"{what}: submit without target", text(without))
        self.add(f"{what}: submit with target", text(with_target))
        self.add(f"{what}: difference", f"p50 {more[0]:+.1f} ms, p95 {more[1]:+.1f} ms", asked)

    def visible(self, what: str, server: LabelStudio, session: Any, asked: str) -> None:
        """From the answer until another connection reads the new result in the row."""
        waits = []
        with connect(self.parameters) as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            query = sa.text(f"SELECT annotation_data LIKE :id FROM {SOURCE} WHERE id = :row")
            for number in range(SUBMITS):
                task, row = self.tasks[1000 + number]
                mark = f"%box{number + 50_000}_0%"
                self.submit(server, session, task, number + 50_000)
                began = time.perf_counter()
                while not connection.execute(query, {"id": mark, "row": row}).scalar():
                    assert time.perf_counter() - began < 20, f"row {row} is not written"
                    time.sleep(0.001)
                waits.append(time.perf_counter() - began)
                time.sleep(0.05)
        self.add(
            f"{what}: answer to row",
            f"p50 {percentile(waits, 50):.1f}, p99 {percentile(waits, 99):.1f}, max {max(waits) * 1000:.0f} ms",
            asked,
        )
        with connect(self.parameters) as connection:
            connection.exec_driver_sql(f"UPDATE {SOURCE} SET annotation_data = NULL")
            connection.commit()

    # ------------------------------------------------------------------ bulk

    def rewrite(self) -> None:
        from tasks.models import Annotation

        from polardb_bridge.webhooks.delivery import deliver
        from polardb_bridge.webhooks.models import WritebackMark
        from polardb_bridge.webhooks.reconcile import reconcile

        storage = self.with_target.export_storage
        assert storage
        Annotation.objects.bulk_create(
            [
                Annotation(task_id=task, project=self.with_target.project, result=result(number))
                for number, (task, _) in enumerate(self.tasks)
            ],
            batch_size=500,
        )
        count = WritebackMark.objects.values("task").distinct().count()
        began = time.perf_counter()
        report = deliver(storage)
        took = time.perf_counter() - began
        assert (report.written, report.error) == (count, "")
        self.add(f"write {count:,} rows again", f"{took:.1f} s, {count / took:,.0f} rows/s", "≥ 2,000 rows/s")
        began = time.perf_counter()
        found = reconcile(storage)
        took = time.perf_counter() - began
        assert (found.different, found.pending, found.missing) == (0, 0, 0)
        self.add(f"reconcile {found.checked:,} rows", f"{took:.1f} s, {found.checked / took:,.0f} rows/s")

    def result_table(self) -> None:
        """The same annotations into a result table, which is empty at first."""
        from polardb_bridge.storage.models import PolarDBExportStorage, stored_parameters
        from polardb_bridge.webhooks import outbox
        from polardb_bridge.webhooks.delivery import deliver
        from polardb_bridge.webhooks.reconcile import reconcile

        with begin(self.parameters) as connection:
            create_table(connection, result_table(RESULTS))
        storage = PolarDBExportStorage.objects.create(
            project=self.with_target.project,
            table=RESULTS,
            writes_to="result_table",
            **stored_parameters(self.parameters),
        )
        for what in ("write {} results into a table", "write {} results again"):
            outbox.mark((storage.pk, task) for task, _ in self.tasks)
            began = time.perf_counter()
            report = deliver(storage)
            took = time.perf_counter() - began
            assert (report.written, report.error) == (len(self.tasks), "")
            self.add(what.format(f"{report.written:,}"), f"{took:.1f} s, {report.written / took:,.0f} tasks/s")
        began = time.perf_counter()
        found = reconcile(storage)
        took = time.perf_counter() - began
        assert (found.different, found.pending) == (0, 0)
        self.add(f"reconcile {found.checked:,} results", f"{took:.1f} s, {found.checked / took:,.0f} tasks/s")

    def table(self, database: str) -> Table:
        table = Table("measured", "here", "asked", title=f"Write-back, Label Studio on {database}")
        for row in self.rows:
            table.add_row(*row)
        return table


def percentile(values: list[float], p: int) -> float:
    """In milliseconds."""
    return statistics.quantiles(values, n=100, method="inclusive")[p - 1] * 1000


def run(folder: Path, stack: contextlib.ExitStack) -> None:
    server = MariaDB(folder / "mariadb")
    stack.enter_context(server)
    bench = Bench(folder / "label-studio", server)
    console.print("Preparing Label Studio and 10,000 rows (about a minute) …")
    bench.prepare()
    from polardb_bridge.webhooks.delivery import deliver_everything

    with bench.label_studio() as (label_studio, session):
        without, with_target = bench.side_by_side(label_studio, session)
        bench.compare("server up", without, with_target, "p50 ≤ +10 ms, p95 ≤ +25 ms")
        bench.visible("without Redis", label_studio, session, "p50 < 50 ms, p99 < 300 ms")
        server.stop()
        without, with_target = bench.side_by_side(label_studio, session)
        bench.compare("server down", without, with_target, "≤ +50 ms")
        server.start()
        server.freeze()
        without, with_target = bench.side_by_side(label_studio, session)
        bench.compare("server frozen", without, with_target, "≤ +50 ms")
        server.thaw()
    # Without waiting for the next attempt, which is some minutes away after so many failures.
    deliver_everything()
    redis = Redis(folder / "redis")
    stack.enter_context(redis)
    variables = {"REDIS_URL": redis.url()}
    with Worker(folder / "worker", variables), bench.label_studio(**variables) as (label_studio, session):
        bench.visible("with Redis, one worker", label_studio, session, "p99 < 500 ms")
    bench.rewrite()
    bench.result_table()
    console.print(bench.table(os.environ.get("BENCH_DATABASE", "sqlite")))


def main() -> int:
    with contextlib.ExitStack() as stack:
        folder = own_label_studio("bench", stack)
        run(folder, stack)
    return 0


if __name__ == "__main__":
    sys.exit(main())
