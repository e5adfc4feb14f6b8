"""Result tables for sources of any key, and what of a table is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from sqlalchemy import text

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.result_table import open_result_table
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile
from support.result_tables import RESULTS, Results, create, labeled
from support.source_data import Source, image_bytes, region

pytestmark = pytest.mark.usefixtures("commands_database")

SHAPES = {
    "text in any case": (
        "k VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY KEY",
        ("'🐈 Straße'", "'O\\'Hara\\\\ [1]'"),
        "k",
    ),
    "uuid as bytes": ("k BINARY(16) PRIMARY KEY", ("UNHEX('27255C5F225C000D0A1AE28080FF8100')", "x'00'"), "k"),
    "large numbers": ("k BIGINT UNSIGNED PRIMARY KEY", ("9007199254740993", "9007199254740992"), "k"),
    "two columns": (
        "tenant INT NOT NULL, sku VARCHAR(20) CHARACTER SET latin1 NOT NULL, PRIMARY KEY (tenant, sku)",
        ("1, 'é\"]'", "-2, ''"),
        "tenant,sku",
    ),
    "a unique index with a time": (
        "d DATETIME(3) NOT NULL, n DECIMAL(20, 0) NOT NULL, id INT AUTO_INCREMENT PRIMARY KEY, UNIQUE (d, n)",
        ("'2024-02-29 23:59:59.999', 5, 1", "'1999-12-31', -1, 2"),
        "d,n",
    ),
}


def things(source: Source, columns: str, rows: tuple[str, ...]) -> None:
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(f"CREATE TABLE things ({columns}, photo LONGBLOB)".replace("%", "%%"))
        for row in rows:
            connection.execute(
                text(f"INSERT INTO things VALUES ({row}, :photo)".replace(":5", "\\:5").replace(":59", "\\:59")),
                {"photo": image_bytes()},
            )


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_key_finds_its_way(source: Source, user: Any, api: Any, shape: str, joined: bool) -> None:
    columns, rows, key = SHAPES[shape]
    things(source, columns, rows)
    # In any order: the key has that of its index.
    results = create(source, *(("--for", "things", "--key", ",".join(reversed(key.split(",")))) if joined else ()))
    project = labeled(api, "--map=image=photo:bytes", f"--key={key}", table="things")
    assert len(project.tasks) == 2
    first, second = project.tasks
    annotation = project.submit(first, region("cat"))
    project.submit(second, region("dog"))
    project.submit(first, region("dog"))
    project.deliver()
    assert sorted(row["task"] for row in results.rows()) == sorted(
        [project.tasks[first].pk] * 2 + [project.tasks[second].pk]
    )
    report = reconcile(project.export_storage)
    assert (report.checked, report.different) == (2, 0)
    project.api.delete(f"/api/annotations/{annotation}/")
    project.deliver()
    assert len(results.rows()) == 2
    if joined:
        names = key.split(",")
        ours = ["row_key"] if len(names) == 1 else [f"row_key_{number + 1}" for number in range(len(names))]
        on = " AND ".join(f"r.{our} = t.{their}" for our, their in zip(ours, names, strict=True))
        with connect(source.parameters) as connection:
            found = connection.exec_driver_sql(f"SELECT COUNT(*) FROM things t JOIN {RESULTS} r ON {on}").scalar()
        assert found == 2
    else:
        assert {row["row_key"] for row in results.rows()} == set(map(str, project.tasks))


@pytest.mark.parametrize("joined", [True, False])
def test_a_key_whose_case_is_corrected_takes_its_rows_along(source: Source, user: Any, api: Any, joined: bool) -> None:
    things(source, SHAPES["text in any case"][0], ("'abc'",))
    results = create(source, *(("--for", "things") if joined else ()))
    project = labeled(api, "--map=image=photo:bytes", table="things")
    project.submit("abc", region("cat"))
    project.deliver()
    source.execute("UPDATE things SET k = 'ABC'")
    run_sync(project.provisioned.import_storage, force=True)
    call_command("reconcile_writebacks")
    assert [row["row_key"] for row in results.rows()] == ["ABC"]
    project.tasks["ABC"] = project.tasks["abc"]
    project.submit("ABC", region("dog"))
    project.deliver()
    assert [row["row_key"] for row in results.rows()] == ["ABC", "ABC"]


def test_a_table_for_one_source_is_refused_for_another(source: Source, user: Any) -> None:
    things(source, "k BINARY(2) PRIMARY KEY", ("x'0001'",))
    create(source, "--for", "things")
    with pytest.raises(CommandError, match="was made for keys of another kind than those of"):
        call_command("provision_project", "--template=animals", f"--source={source.table}", f"--result-table={RESULTS}")
    assert not PolarDBImportStorage.objects.exists()


def test_a_table_made_again_is_looked_at(source: Source, capsys: Any) -> None:
    create(source)
    create(source)
    assert "results: exists already, and fits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--for=things"], "name it with --results"),
        (["--results=no'table"], "cannot be a table's name"),
        (["--results=r", "--for=nothing"], "There is no table 'nothing'"),
        (["--results=r", "--for=things", "--key=nope"], "No key can be made of the column 'nope'"),
        (["--results=r", "--for=things", "--key=photo"], "No key can be made of the column 'photo'.*longblob"),
        (["--results=things"], "column 'row_key' is missing.*'annotation_uid' is missing"),
        (["--results=keyless", "--for=keyless"], "has no primary key: name its key with --key"),
    ],
)
def test_what_cannot_be_made_is_refused(source: Source, options: list[str], message: str) -> None:
    things(source, "k VARCHAR(20) PRIMARY KEY", ())
    source.execute("CREATE TABLE keyless (k INT)")
    with pytest.raises(CommandError, match=message):
        call_command("create_tables", *options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DROP COLUMN task", "column 'task' is missing"),
        ("MODIFY result INT", "column 'result' is INT"),
        ("DROP PRIMARY KEY", r"two rows may be of one annotation: its primary key has to be \(`source`, `row_key`"),
        ("CHANGE row_key row_key_2 VARCHAR(9)", "column 'row_key' is missing"),
        ("MODIFY row_key DOUBLE", "column 'row_key' is DOUBLE"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(source: Source, change: str, message: str) -> None:
    create(source)
    source.execute(f"ALTER TABLE results {change}")
    with pytest.raises(ReconfigureError, match=message), connect(source.parameters) as connection:
        open_result_table(connection, "results")


class TestWaysIn:
    def test_a_statement_makes_a_target_of_each_kind(self, source: Source, user: Any) -> None:
        source.add_images(2)
        create(source)
        deploy = (
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id='animals', "
            f"annotation_source='{source.table}', deployment_name='{{}}', result_table='results'{{}})"
        )
        call_command("polar4ai", deploy.format("only", ""))
        [target] = PolarDBExportStorage.objects.all()
        assert (target.writes_to, target.table, target.owned_table) == ("result_table", "results", None)
        assert target.mapping == {}
        call_command("polar4ai", "DROP DEPLOYMENT only")
        columns = "annotation_data=annotation_data, annotation_count=annotation_count"
        call_command("polar4ai", deploy.format("both", f", result_columns='{columns}'"))
        assert sorted(PolarDBExportStorage.objects.values_list("writes_to", flat=True)) == ["result_table", "rows"]

    def test_a_table_that_is_not_there_is_refused(self, source: Source, user: Any) -> None:
        with pytest.raises(CommandError, match=r"There is no result table 'nope'.*create_tables --results nope"):
            call_command("provision_project", "--template=animals", f"--source={source.table}", "--result-table=nope")

    def test_an_account_that_may_not_update_rows_is_shown_the_way(
        self, source: Source, user: Any, api: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source.add_images(1)
        results = create(source)
        name = f"reader_{source.parameters.database[-8:]}"
        database = source.parameters.database
        source.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY 'pw'")
        source.execute(f"GRANT SELECT ON {database}.* TO {name}@'%%'")
        source.execute(f"GRANT INSERT, UPDATE, DELETE ON {database}.results TO {name}@'%%'")
        parameters = source.parameters
        monkeypatch.setenv("POLARDB_URL", f"mysql://{name}:pw@{parameters.host}:{parameters.port}/{database}")
        with pytest.raises(
            CommandError, match=r"cannot be written into the rows.*lacks a privilege.*table of their own"
        ):
            call_command("provision_project", "--template=animals", f"--source={source.table}")
        project = labeled(api)
        project.submit(1, region("cat"))
        project.deliver()
        assert len(results.rows()) == 1
        source.execute(f"REVOKE INSERT ON {database}.results FROM {name}@'%%'")
        project.submit(1, region("dog"))
        assert "lacks a privilege" in deliver(project.export_storage).error
        source.execute(f"GRANT INSERT ON {database}.results TO {name}@'%%'")
        assert deliver(project.export_storage).written == 1
        assert len(results.rows()) == 2
        source.execute(f"DROP USER {name}@'%%'")

    def test_storages_over_http(self, source: Source, user: Any, api: Any) -> None:
        source.add_images(1)
        results = create(source)
        project = labeled(api)
        project.export_storage.delete()
        parameters = source.parameters
        where = {part: getattr(parameters, part) for part in ("host", "port", "database", "user")}
        form = {"project": project.provisioned.project.pk, "table": "results", **where}
        refused = api.post("/api/storages/export/polardb", form, format="json")
        assert refused.status_code == 400, "the rows of that table are nobody's source"
        form["writes_to"] = "result_table"
        mapped = {**form, "mapping": {"key": "id", "data": {"image": "photo:bytes"}}}
        answer = api.post("/api/storages/export/polardb", mapped, format="json")
        assert "no mapping: leave it out" in answer.json()["validation_errors"]["mapping"][0]
        assert api.post("/api/storages/export/polardb/validate", form, format="json").status_code == 200
        made = api.post("/api/storages/export/polardb", {**form, "can_delete_objects": True}, format="json")
        assert made.status_code == 201, made.content
        storage_id = made.json()["id"]
        assert (made.json()["writes_to"], made.json()["mapping"]) == ("result_table", {})
        assert api.get(f"/api/storages/polardb/{project.provisioned.import_storage.pk}").json()["has_target"] is True
        address = f"/api/storages/export/polardb/{storage_id}"
        changed = api.patch(address, {"writes_to": "rows"}, format="json")
        assert "cannot begin to write something else" in changed.json()["validation_errors"]["writes_to"][0]
        assert api.patch(address, {"title": "Results", "writes_to": "result_table"}, format="json").status_code == 200
        target = api.post(f"/api/storages/polardb/{project.provisioned.import_storage.pk}/target")
        assert target.status_code == 201, "and the rows get theirs"
        project.submit(1, region("cat"))
        project.deliver()
        assert len(results.rows()) == 1
        assert source.row(1)["annotation_count"] == 1

    def test_a_source_may_come_after_its_result_table(self, source: Source, user: Any, api: Any) -> None:
        from projects.models import Project

        source.add_images(1)
        create(source)
        project = Project.objects.create(
            title="Empty", created_by=user, organization=user.active_organization,
            label_config="<View><Image name='image' value='$image'/></View>",
        )  # fmt: skip
        where = {part: getattr(source.parameters, part) for part in ("host", "port", "database", "user")}
        form = {"project": project.pk, **where}
        target = {**form, "table": "results", "writes_to": "result_table"}
        assert api.post("/api/storages/export/polardb", target, format="json").status_code == 201
        made = api.post("/api/storages/polardb", {**form, "table": source.table}, format="json")
        assert made.status_code == 201, made.content

    def test_two_projects_of_one_source_share_it(self, source: Source, user: Any, api: Any) -> None:
        source.add_images(1)
        results = create(source)
        one, two = labeled(api, name="one1"), labeled(api, name="two2")
        for project in (one, two):
            project.submit(1, region("cat"))
            project.deliver()
        assert len(results.rows()) == 2
        assert isinstance(results, Results)
