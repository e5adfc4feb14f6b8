"""Tables that nobody made for labeling: read as they are, and written where somebody said."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from django.core.management import CommandError, call_command
from projects.models import Project
from tasks.models import Task

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import LabelingProject, Provisioned
from support.source_data import Source, image_bytes, region

pytestmark = pytest.mark.usefixtures("commands_database")

RED, BLUE = image_bytes(color="red"), image_bytes(color="blue")


@dataclass(frozen=True)
class Shape:
    """A table. insert: with parameters `key`, `picture` and `name`. options: of `provision_project`, beside the usual.

    columns: of the result, the count and the picture; None where there is none.
    """

    ddl: str
    insert: str
    key: str
    keys: tuple[int, int, int]
    options: tuple[str, ...]
    result: str
    count: str | None
    picture: str
    is_base64: bool = False
    names: tuple[str | None, str | None, str | None] = ("one", "two", None)
    shown: tuple[str, str, str] | None = None

    def stored(self, picture: bytes) -> bytes | str:
        return base64.b64encode(picture).decode() if self.is_base64 else picture


SHAPES = {
    "products, bytes": Shape(
        ddl="CREATE TABLE things (sku BIGINT UNSIGNED PRIMARY KEY, photo LONGBLOB, title VARCHAR(80) NULL,"
        " changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP,"
        " touched DATETIME(3) NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP(3),"
        " answer LONGTEXT NULL, answers SMALLINT UNSIGNED NOT NULL DEFAULT 0)",
        insert="INSERT INTO things (sku, photo, title) VALUES (:key, :picture, :name)",
        key="sku",
        keys=(7, 2**53 + 1, 2**63 - 1),
        options=(
            "--map=image=photo:bytes",
            "--name-column=title",
            "--version-column=changed",
            "--result-column=annotation_data=answer",
            "--result-column=annotation_count=answers",
        ),
        result="answer",
        count="answers",
        picture="photo",
        shown=("one", "two", str(2**63 - 1)),
    ),
    "Sakila's staff": Shape(
        ddl="CREATE TABLE things (staff_id TINYINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
        " first_name VARCHAR(45) NULL, picture MEDIUMBLOB DEFAULT NULL,"
        " last_update TIMESTAMP NOT NULL DEFAULT '2006-02-15 04:57:16' ON UPDATE CURRENT_TIMESTAMP,"
        " annotation_data LONGTEXT NULL)",
        insert="INSERT INTO things (staff_id, picture, first_name) VALUES (:key, :picture, :name)",
        key="staff_id",
        keys=(1, 2, 255),
        options=("--map=image=picture:bytes", "--name-column=first_name", "--version-column=last_update"),
        result="annotation_data",
        count=None,
        picture="picture",
        shown=("one", "two", "255"),
    ),
    "odd names, no version": Shape(
        ddl="CREATE TABLE things (tenant INT NOT NULL, `zip code 100%` INT NOT NULL, `my:photo` LONGTEXT,"
        " `an``swer, %s` TEXT NULL, PRIMARY KEY (tenant, `zip code 100%`), UNIQUE (`zip code 100%`))",
        insert="INSERT INTO things (tenant, `zip code 100%`, `my\\:photo`) VALUES (3, :key, :picture)",
        key="zip code 100%",
        keys=(-5, 0, 12),
        options=(
            "--key=zip code 100%",
            "--map=image=`my:photo`",
            "--result-column=annotation_data=`an``swer, %s`",
        ),
        result="an`swer, %s",
        count=None,
        picture="my:photo",
        is_base64=True,
        shown=("-5", "0", "12"),
    ),
}


def quoted(name: str) -> str:
    doubled = name.replace("`", "``").replace(":", "\\:")
    return f"`{doubled}`"


@dataclass
class Things:
    """The table of a shape, by SQL of the tests' own."""

    source: Source
    shape: Shape

    def add(self, key: int, picture: bytes | None, name: str | None) -> None:
        values = {"key": key, "picture": picture and self.shape.stored(picture), "name": name}
        self.execute(
            self.shape.insert, **{part: value for part, value in values.items() if f":{part}" in self.shape.insert}
        )

    def execute(self, statement: str, **values: Any) -> None:
        with begin(self.source.parameters) as connection:
            connection.execute(sa.text(statement), values)

    def row(self, key: int) -> dict[str, Any]:
        """A row by the names of its columns, without its picture."""
        query = sa.text(f"SELECT * FROM things WHERE {quoted(self.shape.key)} = :key")
        with connect(self.source.parameters) as connection:
            row = dict(connection.execute(query, {"key": key}).mappings().one())
        row.pop(self.shape.picture)
        return row

    def result(self, key: int) -> Any:
        text = self.row(key)[self.shape.result]
        return None if text is None else json.loads(text)


@pytest.fixture(params=SHAPES)
def things(request: pytest.FixtureRequest, source: Source) -> Things:
    shape = SHAPES[request.param]
    source.execute(shape.ddl.replace("%", "%%"))
    things = Things(source, shape)
    for key, name in zip(shape.keys, shape.names, strict=True):
        things.add(key, RED, name)
    return things


@pytest.fixture
def labeled(things: Things, user: Any, api: Any) -> LabelingProject:
    """The project of the table, made by the command; tasks by key."""
    call_command("provision_project", "--template", "animals", "--source", "things", *things.shape.options)
    source, target = PolarDBImportStorage.objects.get(), PolarDBExportStorage.objects.get()
    provisioned = Provisioned(source.project, source, target, created=True)
    return LabelingProject(provisioned, api, {task.data["id"]: task for task in source.project.tasks.all()})


def test_rows_become_tasks(things: Things, labeled: LabelingProject) -> None:
    keys = things.shape.keys
    assert sorted(labeled.tasks) == sorted(keys)
    assert tuple(labeled.tasks[key].data["original_name"] for key in keys) == things.shape.shown
    picture = f"data:image/png;base64,{base64.b64encode(RED).decode()}"
    assert {task.data["image"] for task in labeled.tasks.values()} == {picture}


def test_results_are_written_changed_and_cleared(things: Things, labeled: LabelingProject) -> None:
    key, other, _ = things.shape.keys
    before = {each: things.row(each) for each in things.shape.keys}
    annotation = labeled.submit(key, region("cat"))
    labeled.deliver()
    assert things.result(key) == [region("cat")]
    if things.shape.count:
        assert things.row(key)[things.shape.count] == 1
    labeled.api.patch(f"/api/annotations/{annotation}/", {"result": [region("dog")]}, format="json")
    labeled.deliver()
    assert things.result(key) == [region("dog")]
    labeled.api.delete(f"/api/annotations/{annotation}/")
    labeled.deliver()
    # Nothing else of the row was touched, whatever ON UPDATE says.
    assert {each: things.row(each) for each in things.shape.keys} == before
    assert things.result(other) is None


def test_our_own_writing_is_no_change(things: Things, labeled: LabelingProject) -> None:
    for key in things.shape.keys:
        labeled.submit(key, region("cat"))
    labeled.deliver()
    report = run_sync(labeled.provisioned.import_storage, force=True)
    assert (report.created, report.updated, report.removed, report.failed) == (0, 0, 0, 0)
    assert reconcile(labeled.export_storage).different == 0


def test_lost_results_are_written_again(things: Things, labeled: LabelingProject) -> None:
    key, *_ = things.shape.keys
    labeled.submit(key, region("cat"))
    labeled.deliver()
    things.execute(f"UPDATE things SET {quoted(things.shape.result)} = NULL")
    assert reconcile(labeled.export_storage).different == 1
    labeled.deliver()
    assert things.result(key) == [region("cat")]


def test_changed_and_removed_rows_are_followed(things: Things, labeled: LabelingProject) -> None:
    changed, removed, kept = things.shape.keys
    things.execute(
        f"UPDATE things SET {quoted(things.shape.picture)} = :picture WHERE {quoted(things.shape.key)} = :key",
        picture=things.shape.stored(BLUE),
        key=changed,
    )
    things.execute(f"DELETE FROM things WHERE {quoted(things.shape.key)} = :key", key=removed)
    report = run_sync(labeled.provisioned.import_storage, force=True)
    assert (report.updated, report.removed) == (1, 1)
    tasks = {task.data["id"]: task.data["image"] for task in labeled.provisioned.project.tasks.all()}
    assert set(tasks) == {changed, kept}
    assert tasks[changed].endswith(base64.b64encode(BLUE).decode())
    assert tasks[kept].endswith(base64.b64encode(RED).decode())


def test_rows_without_a_picture_are_named_by_its_column(things: Things, labeled: LabelingProject) -> None:
    things.execute(f"UPDATE things SET {quoted(things.shape.picture)} = NULL")
    labeled.provisioned.project.tasks.all().delete()
    report = run_sync(labeled.provisioned.import_storage, force=True)
    assert report.failed == 3
    assert f"{things.shape.picture} is NULL" in report.errors[0]
    assert "base64_data" not in " ".join(report.errors)


PRODUCTS = SHAPES["products, bytes"]
DEPLOY = (
    "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id='animals', annotation_source='things',"
    " image='photo:bytes', name_column='title', version_column='changed', result_columns='annotation_data=answer')"
)


@pytest.fixture
def products(source: Source) -> Things:
    source.execute(PRODUCTS.ddl)
    things = Things(source, PRODUCTS)
    things.add(7, RED, "one")
    return things


def provision(*options: str) -> None:
    call_command("provision_project", "--template", "animals", "--source", "things", *options)


def test_a_statement_deploys_it(products: Things, user: Any) -> None:
    call_command("polar4ai", DEPLOY)
    storage = PolarDBImportStorage.objects.get()
    run_sync(storage, force=True)
    [task] = storage.project.tasks.all()
    assert task.data["original_name"] == "one"
    assert storage.mapping["held"] == ["touched"]
    assert PolarDBExportStorage.objects.get().mapping == storage.mapping


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "cannot be used: column 'id' is missing"),
        (["--key=sku"], "does not tell its data: name the columns that tasks show.*It has: sku BIGINT.*photo LONGBLOB"),
        (["--map=image=photo:bytes"], "it has no column for results"),
        (["--map=image=phot:bytes", "--result-column=annotation_data=answer"], "column 'phot' is missing"),
        (["--map=image=title:bytes", "--result-column=annotation_data=answer"], r"column 'title' is VARCHAR\(80\)"),
        (["--map=image=photo:bytes", "--result-column=annotation_data=answers"], "column 'answers' is SMALLINT"),
        (["--map=image=photo:bytes", "--result-column=annotation_data=photo"], "'photo' has two uses"),
        (["--map=image=photo:bytes", "--result-column=labels=answer"], "'labels' is nothing that results have"),
        (["--key=answers", "--map=image=photo:bytes", "--result-column=annotation_data=answer"], "not the primary key"),
        (
            ["--key=title", "--map=image=photo:bytes", "--result-column=annotation_data=answer"],
            "'title' is not the primary",
        ),
        (["--key=photo", "--map=image=photo:bytes"], "than 'photo', as a column of type longblob does not tell"),
        (
            ["--map=picture=photo:bytes", "--result-column=annotation_data=answer"],
            r"shows \$image, and the mapping gives tasks \$picture",
        ),
        (["--map=image=photo:gif"], "does not say what is read, and how"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    products: Things, user: Any, options: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        provision(*options)
    assert not PolarDBImportStorage.objects.exists()


def test_a_key_that_can_be_null_or_repeat_is_refused(products: Things, user: Any) -> None:
    options = ("--map=image=photo:bytes", "--result-column=annotation_data=answer", "--key=lot")
    products.execute("ALTER TABLE things ADD COLUMN lot INT NULL, ADD UNIQUE (lot)")
    with pytest.raises(CommandError, match="'lot' is not the primary key"):
        provision(*options)
    products.execute("UPDATE things SET lot = 1")
    products.execute("ALTER TABLE things DROP INDEX lot, MODIFY lot INT NOT NULL DEFAULT 1, ADD UNIQUE (lot, sku)")
    with pytest.raises(CommandError, match="'lot' is not the primary key"):
        provision(*options)
    products.execute("ALTER TABLE things ADD UNIQUE (lot)")
    provision(*options)
    assert PolarDBImportStorage.objects.get().project.tasks.get().data["id"] == 1


def test_a_table_without_a_column_for_results_gets_one(products: Things, user: Any) -> None:
    products.execute("ALTER TABLE things DROP COLUMN answer, ADD COLUMN annotation_data JSON")
    provision("--map=image=photo:bytes")
    assert PolarDBExportStorage.objects.get().mapping["result"] == {"annotation_data": "annotation_data"}


class TestApi:
    """Storages that are made over HTTP."""

    @pytest.fixture
    def form(self, products: Things, user: Any) -> dict[str, Any]:
        project = Project.objects.create(title="Things", created_by=user, organization=user.active_organization)
        project.label_config = (
            "<View><Image name='i' value='$photo'/><Choices name='c' toName='i'><Choice value='a'/></Choices></View>"
        )
        project.save()
        where = {part: getattr(products.source.parameters, part) for part in ("host", "port", "database", "user")}
        mapping = {"data": {"image": "photo:bytes"}, "name": "title", "result": {"annotation_data": "answer"}}
        return {"project": project.pk, "table": "things", "mapping": mapping, "image_delivery": "link", **where}

    def test_a_source_and_the_target_that_follows_it(self, form: dict[str, Any], products: Things, api: Any) -> None:
        made = api.post("/api/storages/polardb", form, format="json")
        assert made.status_code == 201, made.content
        assert made.json()["mapping"]["key"] == "sku"
        target = api.post("/api/storages/export/polardb", {**form, "mapping": {}}, format="json")
        assert target.status_code == 201, target.content
        assert target.json()["mapping"] == made.json()["mapping"]
        run_sync(PolarDBImportStorage.objects.get(), force=True)
        task = Task.objects.get()
        image = api.get(task.data["photo"])
        assert image["Content-Type"] == "image/png"
        assert b"".join(image.streaming_content if image.streaming else [image.content]) == RED
        # By link, a change without a new version is found, too.
        products.execute("UPDATE things SET photo = :picture", picture=BLUE)
        image = api.get(task.data["photo"])
        assert b"".join(image.streaming_content if image.streaming else [image.content]) == BLUE

    def test_rows_of_another_key_are_others(self, form: dict[str, Any], products: Things, api: Any) -> None:
        products.execute("ALTER TABLE things ADD COLUMN lot INT NOT NULL DEFAULT 7, ADD UNIQUE (lot)")
        made = api.post("/api/storages/polardb", form, format="json").json()
        run_sync(PolarDBImportStorage.objects.get(), force=True)
        api.delete(f"/api/storages/polardb/{made['id']}")
        assert Task.objects.count() == 1
        other = {**form, "mapping": {**form["mapping"], "key": "lot"}}
        assert api.post("/api/storages/polardb", other, format="json").status_code == 201
        assert run_sync(PolarDBImportStorage.objects.get(), force=True).created == 1

    def test_a_preview_shows_its_pictures(self, form: dict[str, Any], api: Any) -> None:
        answer = api.post("/api/storages/polardb/files", form, format="json")
        assert answer.status_code == 200, answer.content
        row, _ = answer.json()["files"]
        assert (row["key"], row["name"], row["problem"]) == ("7", "one", "")
        assert row["thumbnail"].startswith("data:image/webp;base64,")

    def test_the_second_storage_has_the_same_key(self, form: dict[str, Any], products: Things, api: Any) -> None:
        products.execute("ALTER TABLE things ADD COLUMN lot INT NOT NULL DEFAULT 1, ADD UNIQUE (lot)")
        assert api.post("/api/storages/polardb", form, format="json").status_code == 201
        other = api.post(
            "/api/storages/export/polardb", {**form, "mapping": {**form["mapping"], "key": "lot"}}, format="json"
        )
        assert other.status_code == 400
        assert "has another key or other data" in other.json()["validation_errors"]["mapping"][0]

    def test_a_mapping_stays_as_it_is(self, form: dict[str, Any], api: Any) -> None:
        made = api.post("/api/storages/polardb", form, format="json").json()
        address = f"/api/storages/polardb/{made['id']}"
        assert api.patch(address, {"title": "Things", "mapping": made["mapping"]}, format="json").status_code == 200
        changed = api.patch(address, {"mapping": {**made["mapping"], "key": "lot"}}, format="json")
        assert changed.status_code == 400
        assert "cannot be changed" in changed.json()["validation_errors"]["mapping"][0]

    @pytest.mark.parametrize("mapping", ["sku", {"key": 1}, {"data": {"image": "photo:gif"}}, {"secret": "x"}])
    def test_other_json_is_a_400_on_its_field(self, form: dict[str, Any], api: Any, mapping: Any) -> None:
        answer = api.post("/api/storages/polardb", {**form, "mapping": mapping}, format="json")
        assert answer.status_code == 400
        assert "mapping" in answer.json()["validation_errors"]
