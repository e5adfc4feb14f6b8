"""Labels a foreign table from beginning to end: a project of it, its tasks, results, changes and rows that go."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from django.core.management import call_command
from projects.models import Project

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin
from polardb_bridge.table.keys import Key
from polardb_bridge.webhooks.delivery import deliver_due
from polardb_bridge.webhooks.reconcile import reconcile
from support.deployments import first_password_of, open_here
from support.foreign_tables.table import ForeignTable, Media
from support.sessions import signed_in
from support.source_data import Source, region

RESULTS = "labels"
NAME = "foreign"


def chosen(table: ForeignTable, label: str) -> dict[str, Any]:
    """A region as Label Studio's editor submits it for the interface of `table`."""
    if table.schema.get("type") == "ObjectDetection":
        return region(label)
    shown = {"ImageClassification": "image", "TextClassification": "text"}.get(table.schema.get("type", ""), "shown")
    return {
        "id": "aB3_x",
        "type": "choices",
        "value": {"choices": [label]},
        "origin": "manual",
        "to_name": shown,
        "from_name": "label",
    }


@dataclass(frozen=True)
class Made:
    """A foreign table in a database. into_rows, into_table: where its results are to go."""

    table: ForeignTable
    source: Source
    into_rows: bool
    into_table: bool

    @classmethod
    def create(cls, table: ForeignTable, source: Source, *, into_rows: bool = False, into_table: bool = False) -> Made:
        """With its rows, and the template and the result table that it needs; POLARDB_URL names the database."""
        made = cls(table, source, into_rows, into_table)
        made.execute(*table.ddl)
        for name, row in table.values:
            made.execute(sa.insert(_table(name, row)).values(row))
        schema = {"tp_name": NAME, "tp_schema": json.dumps(table.schema)}
        made.execute(sa.insert(_table("annotation_template", schema)).values(schema))
        if into_rows:
            made.execute(f"ALTER TABLE {table.source} {table.ddl_for_results}")
        if into_table:
            key = ("--key", table.key) if table.key else ()
            call_command("create_tables", "--results", RESULTS, "--for", table.source, *key)
        return made

    def execute(self, *statements: Any, **values: Any) -> None:
        """A time of zeros is allowed, as it was on the servers that such tables come from."""
        with begin(self.source.parameters) as connection:
            connection.exec_driver_sql("SET SESSION sql_mode = 'STRICT_TRANS_TABLES'")
            for statement in statements:
                connection.execute(sa.text(statement) if isinstance(statement, str) else statement, values or None)

    def rows(self) -> list[dict[str, Any]]:
        """All that the source holds."""
        with begin(self.source.parameters) as connection:
            found = connection.exec_driver_sql(f"SELECT * FROM {self.table.source}").mappings()
            return sorted(map(dict, found), key=lambda row: [str(row[name]) for name in self.table.key_columns])

    def row(self, number: int) -> dict[str, Any]:
        """The source's row that belongs to `rows[number]` of the table."""
        found_by = self.table.rows[number].found_by
        source = _table(self.table.source, found_by)
        query = sa.select(sa.text("*")).select_from(source)
        with begin(self.source.parameters) as connection:
            found = connection.execute(query.where(*(source.c[name] == found_by[name] for name in found_by)))
            return dict(found.mappings().one())

    def results(self, number: int) -> list[tuple[Any, int]]:
        """What the result table has for that row, as a join with the source finds it: results, and whether skipped."""
        found_by = self.table.rows[number].found_by
        keys = ["row_key"] if len(found_by) == 1 else [f"row_key_{place}" for place in range(1, len(found_by) + 1)]
        source = _table(self.table.source, found_by).alias("s")
        results = sa.table(RESULTS, *map(sa.column, (*keys, "result", "was_cancelled")))
        join = sa.and_(*(source.c[name] == results.c[key] for name, key in zip(found_by, keys, strict=True)))
        query = sa.select(results.c.result, results.c.was_cancelled).select_from(results.join(source, join))
        with begin(self.source.parameters) as connection:
            rows = connection.execute(query.where(*(source.c[name] == found_by[name] for name in found_by)))
            return [(json.loads(result), skipped) for result, skipped in rows]

    @property
    def count_of_results(self) -> int:
        with begin(self.source.parameters) as connection:
            return int(connection.exec_driver_sql(f"SELECT COUNT(*) FROM {RESULTS}").scalar_one())


def _table(name: str, columns: Any) -> sa.TableClause:
    return sa.table(name, *map(sa.column, columns))


def as_options(made: Made) -> list[str]:
    """What `provision_project` is told."""
    table = made.table
    said = {
        "--key": table.key,
        "--name-column": table.name,
        "--version-column": table.version,
        "--filter": table.filter,
        "--result-table": RESULTS if made.into_table else None,
    }
    options = ["--template", NAME, "--source", table.source, "--name", NAME]
    options += [f"{option}={value}" for option, value in said.items() if value is not None]
    options += [f"--map={field}={read}" for field, read in table.fields.items()]
    return options + [f"--result-column={role}={column}" for role, column in _columns(made).items()]


def as_statement(made: Made) -> str:
    """The same for `DEPLOY MODEL`."""
    table = made.table
    said = {
        "annotation_template_id": NAME,
        "annotation_source": table.source,
        "deployment_name": NAME,
        "key_column": table.key,
        "map": ", ".join(f"{field}={read}" for field, read in table.fields.items()),
        "name_column": table.name,
        "version_column": table.version,
        "filter": table.filter,
        "result_table": RESULTS if made.into_table else None,
        "result_columns": ", ".join(f"{role}={column}" for role, column in _columns(made).items()) or None,
    }
    options = ("{} = '{}'".format(option, value.replace("'", "''")) for option, value in said.items() if value)
    return f"DEPLOY MODEL `Label-Studio` WITH ({', '.join(options)})"


def _columns(made: Made) -> dict[str, str]:
    return made.table.results if made.into_rows else {}


@dataclass(frozen=True)
class Labeled:
    """The project of a foreign table. api: the session of somebody who labels there."""

    made: Made
    project: Project
    api: Any

    @classmethod
    def by_command(cls, made: Made, api: Any) -> Labeled:
        call_command("provision_project", *as_options(made))
        return cls(made, Project.objects.get(title=NAME), api)

    @classmethod
    def by_statement(cls, made: Made) -> Labeled:
        call_command("polar4ai", as_statement(made))
        deployment = Deployment.objects.get()
        open_here(deployment)
        made_of = cls(made, deployment.project, signed_in(deployment.user.email, first_password_of(deployment)))
        run_sync(made_of.storage, force=True)
        return made_of

    @property
    def storage(self) -> PolarDBImportStorage:
        found: PolarDBImportStorage = PolarDBImportStorage.objects.get(project=self.project)
        return found

    def tasks(self) -> dict[Key, dict[str, Any]]:
        """What tasks hold beside the key, by key."""
        tasks = [dict(task.data) for task in self.project.tasks.order_by("pk")]
        return {task.pop("id"): task for task in tasks}

    def check_tasks(self, expected: dict[Key, tuple[str, dict[str, Any]]]) -> None:
        """See that tasks hold this, by key: their name, and what their fields hold or lead to."""
        tasks = self.tasks()
        assert tasks.keys() == expected.keys(), self.storage.traceback
        for key, (name, fields) in expected.items():
            task = tasks[key]
            assert task.pop("original_name") == name
            assert task.keys() == fields.keys()
            for field, value in fields.items():
                if isinstance(value, Media):
                    content, its_type = self._lead_to(task[field])
                    assert content == value.content, (key, field)
                    assert its_type.startswith(value.type), (key, field)
                else:
                    assert task[field] == value, (key, field)

    def _lead_to(self, address: str) -> tuple[bytes, str]:
        """What the browser gets, and what it is told that is."""
        if address.startswith("data:"):
            its_type, _, encoded = address.removeprefix("data:").partition(";base64,")
            return base64.b64decode(encoded), its_type
        answer = self.api.get(address)
        assert answer.status_code == 200, (address, answer.content)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return content, answer["Content-Type"]

    def submit(self, number: int, label: str) -> int:
        """Label the row of that number; the annotation's id."""
        task = self.project.tasks.get(data__id=self.made.table.rows[number].key)
        result = {"result": [chosen(self.made.table, label)]}
        answer = self.api.post(f"/api/tasks/{task.pk}/annotations/", result, format="json")
        assert answer.status_code == 201, answer.content
        annotation: int = answer.json()["id"]
        return annotation

    def change(self, annotation: int, label: str) -> None:
        result = {"result": [chosen(self.made.table, label)]}
        answer = self.api.patch(f"/api/annotations/{annotation}/", result, format="json")
        assert answer.status_code == 200, answer.content

    def remove(self, annotation: int) -> None:
        assert self.api.delete(f"/api/annotations/{annotation}/").status_code == 204

    def deliver(self) -> None:
        reports = deliver_due()
        assert not any(report.error for report in reports.values()), reports

    def check_results(self, *labels: str | None) -> None:
        """See that the results of the first rows are these, wherever they go; None: none."""
        table = self.made.table
        for number, label in enumerate(labels):
            result = label and [chosen(table, label)]
            if self.made.into_rows:
                row = self.made.row(number)
                held = {role: row[column] for role, column in table.results.items()}
                if held.get("annotation_data"):
                    held["annotation_data"] = json.loads(held["annotation_data"])
                expected = {"annotation_data": result, "annotation_count": int(bool(label)), "label": label}
                assert held == {role: expected[role] for role in held}
            if self.made.into_table:
                assert self.made.results(number) == ([(result, 0)] if label else [])
        if self.made.into_table:
            assert self.made.count_of_results == sum(label is not None for label in labels)

    def differences(self) -> int:
        """In how many rows something else stands than was submitted, wherever results go."""
        return sum(reconcile(target).different for target in PolarDBExportStorage.objects.filter(project=self.project))

    def sync(self) -> tuple[int, int, int, int]:
        """How many tasks are new, refreshed and gone, and how many rows are listed."""
        report = run_sync(self.storage, force=True)
        return report.created, report.updated, report.removed, report.failed


def check_from_beginning_to_end(labeled: Labeled) -> None:
    """See that a project of a foreign table, which is synced, has its tasks, and that all is followed both ways."""
    made, table = labeled.made, labeled.made.table
    tasks = {row.key: (row.name, row.task) for row in table.rows}
    labeled.check_tasks(tasks)
    before = made.rows()

    annotations = [labeled.submit(0, "cat"), labeled.submit(1, "dog")]
    labeled.deliver()
    labeled.check_results("cat", "dog", None)
    assert labeled.sync() == (0, 0, 0, 0)
    assert labeled.differences() == 0
    labeled.change(annotations[0], "dog")
    labeled.deliver()
    labeled.check_results("dog", "dog", None)
    for annotation in annotations:
        labeled.remove(annotation)
    labeled.deliver()
    labeled.check_results(None, None, None)
    # Nothing else of the row was touched, whatever ON UPDATE says.
    assert made.rows() == before

    labeled.submit(1, "cat")
    labeled.deliver()
    made.execute(table.change, new=table.new)
    made.execute(table.remove)
    assert labeled.sync() == (0, 1, 1, 0)
    first, second = table.rows[:2]
    labeled.check_tasks({first.key: (first.name, table.changed), second.key: tasks[second.key]})
    labeled.submit(0, "cat")
    labeled.deliver()
    labeled.check_results("cat", "cat")
    assert labeled.sync() == (0, 0, 0, 0)
    assert labeled.differences() == 0
