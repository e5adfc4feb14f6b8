"""Rows that are known by texts, bytes, times, or several columns: the same happens to them as to those with numbers."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from django.core.management import call_command
from django.db import connection as database
from tasks.models import Task

from polardb_bridge.deployments.figures.failed_rows import failed_rows
from polardb_bridge.storage.keyed import with_keys
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.preview import preview
from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.keys import Key
from polardb_bridge.table.results import RowResult, write_results
from polardb_bridge.table.row_keys import KeyRange, read_key_page, read_keys
from polardb_bridge.table.rows import read_rows
from polardb_bridge.table.schema import open_table, source_table
from polardb_bridge.table.stored import read_results
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import LabelingProject, Provisioned
from support.source_data import Source, image_bytes, region

pytestmark = pytest.mark.usefixtures("commands_database")

RED, BLUE = image_bytes(color="red"), image_bytes(color="blue")
REST = (
    "photo LONGBLOB, answer LONGTEXT NULL, answers INT NOT NULL DEFAULT 0, touched TIMESTAMP NOT NULL"
    " DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP"
)
OPTIONS = (
    "--map=image=photo:bytes",
    "--version-column=touched",
    "--result-column=annotation_data=answer",
    "--result-column=annotation_count=answers",
)


@dataclass(frozen=True)
class Shape:
    """A table's key. columns: as DDL; rows: three, as their values stand in SQL; keys: what they are known by."""

    columns: str
    rows: tuple[str, str, str]
    keys: tuple[Key, Key, Key]
    options: tuple[str, ...] = ()


SHAPES = {
    "uuid as text": Shape(
        "k CHAR(36) CHARACTER SET ascii PRIMARY KEY",
        tuple(f"'3f2504e0-4f89-11d3-9a0c-0305e82c330{digit}'" for digit in "1af"),  # type: ignore[arg-type]
        tuple(f"3f2504e0-4f89-11d3-9a0c-0305e82c330{digit}" for digit in "1af"),  # type: ignore[arg-type]
    ),
    "uuid as bytes": Shape(
        "k BINARY(16) PRIMARY KEY",
        ("UNHEX(REPEAT('00', 16))", "UNHEX('27255C5F225C000D0A1AE28080FF8100')", "UNHEX(REPEAT('Ff', 16))"),
        ("00" * 16, "27255c5f225c000d0a1ae28080ff8100", "ff" * 16),
    ),
    "text of people": Shape(
        "`the key, %s` VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY KEY",
        ("'🐈 <b>&amp;/%#?\"'", "'O\\'Hara\\\\ [1]'", "''"),
        ('🐈 <b>&amp;/%#?"', "O'Hara\\ [1]", ""),
        ("--key=`the key, %s`",),
    ),
    "two columns": Shape(
        "`tenant id` INT NOT NULL, sku VARCHAR(20) NOT NULL, UNIQUE (sku), PRIMARY KEY (`tenant id`, sku)",
        ("1, 'é\"]'", "1, 'b'", "-2, ''"),
        ('[1,"é\\"]"]', '[1,"b"]', '[-2,""]'),
    ),
    "a unique index, four columns": Shape(
        "d DATETIME(3) NOT NULL, n DECIMAL(20, 0) NOT NULL, b VARBINARY(9) NOT NULL,"
        " t VARCHAR(9) CHARACTER SET latin1 NOT NULL, id INT AUTO_INCREMENT PRIMARY KEY, UNIQUE (d, n, b, t)",
        (
            "'2024-02-29 23:59:59.999', 5, '', 'é', 1",
            "'2024-02-29 23:59:59.998', 12345678901234567890, x'00', '', 2",
            "'1999-12-31', -1, x'ff', '~', 3",
        ),
        (
            '["2024-02-29 23:59:59.999","5","","é"]',
            '["2024-02-29 23:59:59.998","12345678901234567890","00",""]',
            '["1999-12-31 00:00:00.000","-1","ff","~"]',
        ),
        ("--key=n, b, d, t",),
    ),
    "decimal": Shape(
        "k DECIMAL(30, 0) PRIMARY KEY",
        ("9007199254740993", "9007199254740992", "-123456789012345678901234567890"),
        ("9007199254740993", "9007199254740992", "-123456789012345678901234567890"),
    ),
    "day, and a partition each": Shape(
        "k DATE PRIMARY KEY",
        ("'2024-02-29'", "'2024-03-01'", "'1970-01-01'"),
        ("2024-02-29", "2024-03-01", "1970-01-01"),
    ),
    "large numbers": Shape(
        "k BIGINT UNSIGNED PRIMARY KEY", ("9007199254740993", "9007199254740992", "0"), (2**53 + 1, 2**53, 0)
    ),
}


class Things:
    """The table of a shape, by SQL of the tests' own; rows by number."""

    def __init__(self, source: Source, shape: Shape) -> None:
        self.source, self.shape = source, shape
        partitions = " PARTITION BY KEY () PARTITIONS 3" if "day" in shape.columns else ""
        self.execute(f"CREATE TABLE things ({shape.columns}, {REST}, number INT NOT NULL DEFAULT 0){partitions}")
        for number, values in enumerate(shape.rows):
            self.execute(
                f"INSERT INTO things VALUES ({values}, :photo, NULL, DEFAULT, DEFAULT, {number})",
                photo=RED,
            )

    def execute(self, statement: str, **values: Any) -> None:
        with begin(self.source.parameters) as connection:
            connection.exec_driver_sql("SET NAMES utf8mb4")
            query = sa.text(statement.replace(":", "\\:").replace("\\:photo", ":photo"))
            connection.execute(query, values)

    def rows(self) -> list[dict[str, Any]]:
        with connect(self.source.parameters) as connection:
            return [dict(row) for row in connection.execute(sa.text("SELECT * FROM things ORDER BY number")).mappings()]

    def results(self) -> list[Any]:
        return [row["answer"] and json.loads(row["answer"]) for row in self.rows()]


def labeled(things: Things, api: Any, *options: str) -> LabelingProject:
    """The project of the table, made by the command; tasks by key."""
    options = (*OPTIONS, *things.shape.options, *options)
    call_command("provision_project", "--template", "animals", "--source", "things", *options)
    source, target = PolarDBImportStorage.objects.get(), PolarDBExportStorage.objects.get()
    provisioned = Provisioned(source.project, source, target, created=True)
    return LabelingProject(provisioned, api, {task.data["id"]: task for task in source.project.tasks.all()})


def synced(project: LabelingProject) -> tuple[int, int, int, int]:
    """What a sync does: how many tasks it makes, refreshes, removes; rows it lists."""
    planned = plan_sync(project.provisioned.import_storage)
    report = run_sync(project.provisioned.import_storage, force=True)
    counts = (report.created, report.updated, report.removed, report.failed)
    assert (planned.created, planned.updated, planned.removed, planned.failed) == counts
    return counts


def pictures(project: LabelingProject) -> dict[Key, bytes]:
    """What tasks show, by key."""
    shown = {}
    for task in project.provisioned.project.tasks.all():
        image = task.data["image"]
        if image.startswith("data:"):
            shown[task.data["id"]] = base64.b64decode(image.partition(",")[2])
        else:
            answer = project.api.get(image)
            assert answer.status_code == 200, (image, answer.content)
            shown[task.data["id"]] = answer.content
    return shown


@pytest.fixture(params=SHAPES)
def things(request: pytest.FixtureRequest, source: Source) -> Things:
    return Things(source, SHAPES[request.param])


def test_results_reach_their_rows_and_nothing_else_does(things: Things, user: Any, api: Any) -> None:
    project = labeled(things, api)
    keys = things.shape.keys
    assert project.tasks.keys() == {*keys}
    assert pictures(project) == dict.fromkeys(keys, RED)
    assert {task.data["original_name"] for task in project.tasks.values()} == {str(key) for key in keys}
    before = things.rows()
    annotations = [project.submit(key, region("cat", x=number)) for number, key in enumerate(keys)]
    project.deliver()
    assert things.results() == [[region("cat", x=number)] for number in range(3)]
    assert [row["answers"] for row in things.rows()] == [1, 1, 1]
    assert synced(project) == (0, 0, 0, 0)
    assert reconcile(project.export_storage).different == 0
    things.execute("UPDATE things SET answer = NULL, touched = touched WHERE number = 1")
    report = reconcile(project.export_storage)
    assert (report.different, report.listed) == (1, [(keys[1], "different")])
    api.patch(f"/api/annotations/{annotations[2]}/", {"result": [region("dog")]}, format="json")
    project.deliver()
    assert things.results() == [[region("cat", x=0)], [region("cat", x=1)], [region("dog")]]
    for annotation in annotations:
        api.delete(f"/api/annotations/{annotation}/")
    project.deliver()
    assert things.rows() == before


@pytest.mark.parametrize(
    "things",
    ["uuid as bytes", "text of people", "two columns", "a unique index, four columns", "day, and a partition each"],
    indirect=True,
)
def test_rows_are_followed(things: Things, user: Any, api: Any) -> None:
    project = labeled(things, api, "--image-delivery=link")
    first, second, third = things.shape.keys
    assert pictures(project) == {first: RED, second: RED, third: RED}
    things.execute("UPDATE things SET photo = :photo WHERE number = 0", photo=BLUE)
    things.execute("DELETE FROM things WHERE number = 1")
    assert synced(project) == (0, 1, 1, 0)
    assert pictures(project) == {first: BLUE, third: RED}
    api.delete(f"/api/tasks/{project.tasks[third].pk}/")
    things.execute(f"INSERT INTO things VALUES ({things.shape.rows[1]}, :photo, NULL, 0, '2020-01-02', 1)", photo=BLUE)
    assert synced(project) == (1, 0, 0, 0)
    assert pictures(project) == {first: BLUE, second: BLUE}
    assert synced(project) == (0, 0, 0, 0)


NAMES = Shape(
    "k VARCHAR(600) COLLATE utf8mb4_general_ci PRIMARY KEY", ("'abc'", "'Zoe'", "'x/y'"), ("abc", "Zoe", "x/y")
)


class TestKeysThatAreSpelledAnew:
    """In a collation that takes upper case and lower case, and blanks at the end, for the same."""

    @pytest.fixture(params=["link"])
    def project(self, request: pytest.FixtureRequest, source: Source, user: Any, api: Any) -> LabelingProject:
        self.things = Things(source, NAMES)
        return labeled(self.things, api, f"--image-delivery={request.param}")

    def test_results_reach_the_row_before_a_sync(self, project: LabelingProject) -> None:
        self.things.execute("UPDATE things SET k = 'ABC ', touched = touched WHERE number = 0")
        project.submit("abc", region("cat"))
        project.deliver()
        assert self.things.results() == [[region("cat")], None, None]
        assert reconcile(project.export_storage).listed == []
        assert pictures(project) == dict.fromkeys(NAMES.keys, RED)
        self.things.execute("UPDATE things SET answer = NULL WHERE number = 0")
        assert reconcile(project.export_storage).listed == [("abc", "different")]

    @pytest.mark.parametrize("project", ["link", "data_uri"], indirect=True)
    def test_a_sync_has_the_task_follow(self, project: LabelingProject) -> None:
        project.submit("abc", region("cat"))
        self.things.execute("UPDATE things SET k = 'ABC', touched = touched WHERE number = 0")
        self.things.execute("UPDATE things SET k = 'zoE', photo = :photo WHERE number = 1", photo=BLUE)
        assert synced(project) == (0, 2, 0, 0)
        tasks = {task.data["id"]: task.pk for task in project.provisioned.project.tasks.all()}
        assert tasks == {"ABC": project.tasks["abc"].pk, "zoE": project.tasks["Zoe"].pk, "x/y": project.tasks["x/y"].pk}
        assert pictures(project) == {"ABC": RED, "zoE": BLUE, "x/y": RED}
        assert set(project.provisioned.import_storage.links.values_list("key", flat=True)) == set(tasks)
        assert synced(project) == (0, 0, 0, 0)
        project.deliver()
        assert self.things.results()[0] == [region("cat")]

    def test_a_row_that_was_dismissed_stays_so(self, project: LabelingProject) -> None:
        project.api.delete(f"/api/tasks/{project.tasks['abc'].pk}/")
        self.things.execute("UPDATE things SET k = 'ABC' WHERE number = 0")
        assert synced(project) == (0, 0, 0, 0)

    def test_another_row_of_the_same_key_goes_on_with_the_task(self, project: LabelingProject) -> None:
        self.things.execute("DELETE FROM things WHERE number = 0")
        self.things.execute("INSERT INTO things VALUES ('ABC', :photo, NULL, 0, '2020-01-02', 0)", photo=BLUE)
        assert synced(project) == (0, 1, 0, 0)
        assert pictures(project) == {"ABC": BLUE, "Zoe": RED, "x/y": RED}

    def test_another_key_is_another_row(self, project: LabelingProject) -> None:
        self.things.execute("UPDATE things SET k = 'äbc_d' WHERE number = 0")
        assert synced(project) == (1, 0, 1, 0)

    def test_a_storage_that_is_added_again_takes_its_tasks(self, project: LabelingProject) -> None:
        storage = project.provisioned.import_storage
        project.api.delete(f"/api/storages/polardb/{storage.pk}")
        self.things.execute("UPDATE things SET k = 'ABC' WHERE number = 0")
        storage.pk = None
        storage.status, storage.meta, storage.synchronizable = storage.Status.INITIALIZED, {}, True
        storage.save()
        report = run_sync(storage)
        assert (report.created, report.existed) == (0, 3)
        assert set(storage.links.values_list("task", flat=True)) == {task.pk for task in project.tasks.values()}


@pytest.mark.parametrize(
    "shape", ["uuid as bytes", "a unique index, four columns", "decimal", "day, and a partition each"]
)
def test_tasks_that_people_made_up_stop_nothing(source: Source, user: Any, api: Any, shape: str) -> None:
    things = Things(source, SHAPES[shape])
    project = labeled(things, api)
    storage = project.provisioned.import_storage
    api.delete(f"/api/storages/polardb/{storage.pk}")
    picture = next(iter(project.tasks.values())).data["image"]
    for key in ("zz", "[1]", "5", "2024-99-99", "é😀", "\\", '["a",1,2,3]', "[]"):
        Task.objects.create(project=storage.project, data={"image": picture, "id": key, "original_name": key})
    storage.pk = None
    storage.status, storage.meta, storage.synchronizable = storage.Status.INITIALIZED, {}, True
    storage.save()
    report = run_sync(storage)
    assert (report.created, report.existed) == (0, 3)


HOSTILE = [
    "a) (b): c",
    'row "1" (x): y',
    "[1,2]",
    "[x",
    "=1+1",
    "../../etc",
    "a\\b\"c'",
    "line\nline",
    "\u2028\u202e\u00a0",
    "😀" * 512,
    "%2F%s{}",
    "~YQ",
    "-5",
    "x.jpg",
    "<script>",
]


def test_hostile_keys_are_labeled_and_listed_as_they_are(source: Source, user: Any, api: Any) -> None:
    source.execute(f"CREATE TABLE things (k VARCHAR(600) COLLATE utf8mb4_bin PRIMARY KEY, {REST})")

    def fill(photo: bytes | None) -> None:
        with begin(source.parameters) as connection:
            rows = [{"k": key, "photo": photo} for key in HOSTILE]
            connection.execute(sa.text("REPLACE INTO things (k, photo) VALUES (:k, :photo)"), rows)

    fill(RED)
    call_command("provision_project", "--template", "animals", "--source", "things", *OPTIONS, "--image-delivery=link")
    storage, target = PolarDBImportStorage.objects.get(), PolarDBExportStorage.objects.get()
    project = LabelingProject(
        Provisioned(storage.project, storage, target, created=True),
        api,
        {t.data["id"]: t for t in storage.project.tasks.all()},
    )
    assert pictures(project) == dict.fromkeys(HOSTILE, RED)
    assert {file["key"] for file in preview(storage, 20, user)[:-1]} == set(HOSTILE)
    for key in HOSTILE:
        project.submit(key, region("cat"))
    project.deliver()
    assert reconcile(target).listed == []
    assert synced(project) == (0, 0, 0, 0)
    storage.project.tasks.all().delete()
    storage.image_delivery = storage.delivery_in_use = "data_uri"
    storage.save()
    fill(None)
    report = run_sync(storage)
    assert report.failed == len(HOSTILE)
    assert all(line.isprintable() for line in report.errors)
    assert sorted(row.key or "" for row in failed_rows(storage.project)) == sorted(HOSTILE)


def test_keys_that_cannot_be_kept_are_listed_wherever_a_page_ends(
    source: Source, user: Any, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polardb_bridge.table.row_keys.KEYS_BATCH_SIZE", 2)
    monkeypatch.setattr("polardb_bridge.storage.sync.by_key._LINKS_BATCH_SIZE", 2)
    monkeypatch.setattr("polardb_bridge.storage.sync.by_key._LOOKUP_BATCH_SIZE", 1)
    source.execute(f"CREATE TABLE things (k VARBINARY(700), c VARCHAR(9), UNIQUE (c, k), {REST})")
    source.execute("ALTER TABLE things MODIFY k VARCHAR(700) CHARACTER SET utf8mb3 NOT NULL, MODIFY c CHAR(1) NOT NULL")
    good = ["b", "A", "c", "ö", "D", "z"]
    with begin(source.parameters) as connection:
        insert = sa.text("INSERT INTO things (k, c, photo) VALUES (:k, 'x', :photo)")
        connection.execute(insert, [{"k": key, "photo": RED} for key in [*good, "a" * 600, "d" * 507, "e\0"]])
    options = (*OPTIONS, "--key=k,c")
    call_command("provision_project", "--template", "animals", "--source", "things", *options)
    storage = PolarDBImportStorage.objects.get()
    assert storage.mapping["key"] == ["c", "k"]
    report = run_sync(storage, force=True)
    assert (report.created, report.existed, report.failed) == (0, 7, 2)
    assert {link.row_key for link in storage.links.all()} == {f'["x","{key}"]' for key in good} | {'["x","e\\u0000"]'}
    assert "the key takes 608 characters, and at most 512 can be kept" in " ".join(report.errors)


def reads(connection: sa.Connection) -> int:
    """How many rows the session has read so far, of tables and indexes."""
    status = connection.exec_driver_sql("SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%%'")
    return sum(int(count) for name, count in status if name != "Handler_read_rnd_deleted")


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("k CHAR(36) PRIMARY KEY", "UUID()"),
        ("k VARCHAR(64) CHARACTER SET latin1 PRIMARY KEY", "CONCAT('é', seq)"),
        ("k BINARY(16) PRIMARY KEY", "UNHEX(LEFT(SHA2(seq, 256), 32))"),
        ("k DECIMAL(30, 0) PRIMARY KEY", "seq * 123456789012345678901"),
        ("k DATETIME(3) PRIMARY KEY", "'2024-01-01' + INTERVAL seq MINUTE"),
        ("a INT, b VARCHAR(20), PRIMARY KEY (a, b)", "seq MOD 3, CONCAT('é', seq)"),
        (
            "a DATE NOT NULL, b INT NOT NULL, id INT AUTO_INCREMENT PRIMARY KEY, UNIQUE (a, b)",
            "'2024-01-01', seq, NULL",
        ),
    ],
)
def test_rows_are_found_by_the_index(source: Source, columns: str, values: str) -> None:
    source.execute(f"CREATE TABLE things ({columns}, {REST})")
    numbers = "WITH RECURSIVE numbers AS (SELECT 1 seq UNION ALL SELECT seq + 1 FROM numbers WHERE seq < 900)"
    source.execute(
        f"INSERT INTO things {numbers} SELECT {values}, 'x', NULL, 0, '2020-01-01' FROM numbers".replace("%", "%%")
    )
    source.execute("ANALYZE TABLE things")
    with begin(source.parameters) as connection:
        found = open_table(connection, "things")
        asked = AskedMapping.from_texts(key="a,b" if "UNIQUE" in columns else None, image="photo:bytes")
        table = source_table("things", complete(asked, found))
        page = [row.id for row in read_key_page(connection, table)]
        assert len({*page}) == 900
        some, last = page[100:700:200], page[-3]
        results = [RowResult(key, [], 1, None, None, None) for key in some]
        before = reads(connection)
        assert [row.id for row in read_key_page(connection, table, KeyRange(last))] == page[-2:]
        assert list(read_keys(connection, table, some)) == some
        assert list(read_results(connection, table, some)) == some
        assert [row.key.id for row in read_rows(connection, table, some)] == some
        assert not write_results(connection, table, results)
        assert reads(connection) - before < 100


@pytest.mark.django_db
def test_links_are_looked_up_by_the_index_of_their_keys() -> None:
    links = PolarDBImportStorageLink.objects.filter(storage=1)
    plans = {
        "polardb_one_task_per_key": with_keys(links, ["a", "b", "c"]).explain(),
        "polardb_one_task_per_row_id": with_keys(links, [1, 2, 3]).explain(),
    }
    # PostgreSQL decides by what a table holds, and this one is empty.
    assert database.vendor != "sqlite" or all(index in plan for index, plan in plans.items()), plans
