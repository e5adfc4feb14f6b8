"""What the forms ask of a table whose columns are to be given their uses, and what they are told."""

from __future__ import annotations

import gzip
import secrets
import time
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.storage.trials import MAX_TRIALS, ConnectionTrial
from polardb_bridge.table.connection import begin
from polardb_bridge.table.excerpts import MAX_READ_BYTES
from support.source_data import Source, image_bytes

PNG = image_bytes(color="red")
PRODUCTS = (
    "CREATE TABLE products (sku BIGINT UNSIGNED PRIMARY KEY, title VARCHAR(80), photo LONGBLOB, body LONGTEXT,"
    " price DECIMAL(9,2), page VARCHAR(200), place POINT NULL,"
    " changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, annotation_data LONGTEXT)"
)
TEXTS = '<View><Text name="text" value="$body"/><Choices name="c" toName="text"><Choice value="a"/></Choices></View>'
IMAGES = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels></View>"""


def add(source: Source, table: str, **values: object) -> None:
    names = ", ".join(f"`{name.replace('`', '``')}`" for name in values)
    marks = ", ".join(f":p{number}" for number in range(len(values)))
    with begin(source.parameters) as connection:
        statement = sa.text(f"INSERT INTO `{table}` ({names.replace(':', chr(92) + ':')}) VALUES ({marks})")
        connection.execute(statement, {f"p{number}": value for number, value in enumerate(values.values())})


@pytest.fixture
def form(user: Any, source: Source) -> dict[str, Any]:
    """A form of the wizard, of which nobody has come to the step for the columns."""
    from projects.models import Project

    project = Project.objects.create(
        title="things", organization=user.active_organization, created_by=user, label_config=IMAGES
    )
    parameters = source.parameters
    return {
        "project": project.pk,
        "title": "Things",
        "host": parameters.host,
        "port": parameters.port,
        "database": parameters.database,
        "user": parameters.user,
        "password": parameters.password,
        "table": "products",
        "mapping": None,
    }


def look(api: Any, form: dict[str, Any], **changes: Any) -> dict[str, Any]:
    answer = api.post("/api/storages/polardb/mapping", {**form, **changes}, format="json")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def show(form: dict[str, Any], config: str) -> None:
    from projects.models import Project

    Project.objects.filter(pk=form["project"]).update(label_config=config)


def problems(told: dict[str, Any]) -> dict[str, str]:
    return {problem["part"]: problem["message"] for problem in told["problems"]}


def test_the_documented_layout_is_recognized(api: Any, form: dict[str, Any], source: Source) -> None:
    source.add_images(2)
    told = look(api, form, table=source.table)
    assert (told["mapping"], told["problems"], told["is_fixed"]) == ({}, [], False)
    assert told["uses"]["data"] == {"image": ["base64_data", "base64"]}
    assert [task["thumbnail"][:10] for task in told["tasks"]] == ["data:image", "data:image"]


def test_a_table_is_proposed_and_labeled_as_it_is(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(PRODUCTS)
    add(source, "products", sku=2**60, title="One <b>", photo=PNG, body="x" * 500_000, price="1.50")
    told = look(api, form)
    columns = {column["name"]: column for column in told["columns"]}
    assert columns["sku"]["is_key"]
    assert columns["photo"]["holds"] == "pictures (PNG)"
    assert columns["photo"]["first"] is None
    assert "bytes" in columns["photo"]["kinds"]
    assert columns["title"]["first"] == "One <b>"
    assert columns["body"]["first"] == "x" * 60 + "…"
    assert columns["price"]["first"] == "1.50"
    assert columns["place"]["kinds"] == []
    assert told["problems"] == []
    assert told["uses"] == {
        "key": ["sku"],
        "data": {"image": ["photo", "bytes"]},
        "name": "title",
        "version": "changed_at",
        "result": {"annotation_data": "annotation_data"},
        "filter": "",
    }
    [task] = told["tasks"]
    assert (task["key"], task["name"]) == (str(2**60), "One <b>")

    chosen = {"key": ["sku"], "data": {"image": "photo:bytes", "body": "body:text", "price": "price:number"}}
    told = look(api, form, mapping=chosen)
    [task] = told["tasks"]
    assert task["fields"]["body"] == {"text": "x" * 200, "is_whole": False, "problem": ""}
    assert task["fields"]["price"]["text"] == "1.5"
    made = api.post("/api/storages/polardb", {**form, "mapping": told["mapping"]}, format="json")
    assert made.status_code == 201, made.content
    storage = PolarDBImportStorage.objects.get()
    assert run_sync(storage).created == 1
    told = look(api, form, mapping=None, id=storage.pk, password="")
    assert told["is_fixed"]
    assert told["columns"]
    assert told["mapping"] == storage.mapping


def test_the_proposal_has_the_names_that_the_interface_shows(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(PRODUCTS)
    add(
        source,
        "products",
        sku=1,
        title="A title that is rather long, and longer than the body",
        photo=PNG,
        body="short",
    )
    show(form, TEXTS)
    told = look(api, form)
    assert told["problems"] == []
    assert told["uses"]["data"] == {"body": ["body", "text"]}
    show(form, TEXTS.replace("$body", "$comment"))
    assert look(api, form)["uses"]["data"] == {"comment": ["title", "text"]}
    both = IMAGES.replace("<View>", '<View><Text name="t" value="$title"/>')
    show(form, both)
    assert look(api, form)["uses"]["data"] == {"image": ["photo", "bytes"], "title": ["title", "text"]}


def test_of_a_documented_table_texts_can_be_labeled(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(f"ALTER TABLE {source.table} ADD COLUMN body text")
    source.add_images(1)
    source.execute(f"UPDATE {source.table} SET body = 'some words'")
    show(form, TEXTS)
    told = look(api, form, table=source.table)
    assert told["problems"] == []
    assert told["tasks"][0]["fields"]["body"]["text"] == "some words"


def test_a_filter_decides_which_rows_are_shown_and_changes_none(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(PRODUCTS)
    for number in (1, 2, 3):
        add(source, "products", sku=number, title=f"title {number}", photo=PNG)
    mapping = look(api, form)["mapping"]
    told = look(api, form, mapping={**mapping, "filter": "sku = 2"})
    assert [task["name"] for task in told["tasks"]] == ["title 2"]
    assert told["uses"]["filter"] == "sku = 2"
    assert problems(look(api, form, mapping={**mapping, "filter": "no_such = 2"})).keys() == {"filter"}
    # A function may do what it likes, as far as the session lets it.
    source.execute("CREATE FUNCTION emptied() RETURNS int BEGIN DELETE FROM products; RETURN 1; END")
    assert problems(look(api, form, mapping={**mapping, "filter": "emptied() = 1"}))
    assert len(look(api, form)["tasks"]) == 3


def test_on_the_shared_account_a_filter_is_for_administrators(
    api: Any, form: dict[str, Any], source: Source, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.execute(PRODUCTS)
    user.is_superuser = False
    user.save()
    mapping = look(api, form)["mapping"]
    parameters = source.parameters
    url = f"mysql://{parameters.user}:x@{parameters.host}:{parameters.port}/other"
    monkeypatch.setenv("POLARDB_URL", url)
    answer = api.post(
        "/api/storages/polardb/mapping", {**form, "mapping": {**mapping, "filter": "1 = 1"}}, format="json"
    )
    assert answer.status_code == 400
    assert "Only administrators may run SQL of their own" in answer.content.decode()


def test_all_that_is_wrong_is_told_at_once_each_by_its_part(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(PRODUCTS)
    add(source, "products", sku=1, title="one", photo=PNG)
    wrong = {
        "key": ["title"],
        "data": {"image": "price:bytes", "text": "body:text", "number": "nothing:number"},
        "name": "photo",
        "version": "gone",
        "result": {"annotation_data": "price"},
        "filter": "1) OR (1",
    }
    told = problems(look(api, form, mapping=wrong))
    assert set(told) == {"key", "data.image", "data.number", "name", "version", "result.annotation_data", "filter"}
    assert told["key"] == "Column 'title' is not the primary key."
    assert told["data.number"] == "Column 'nothing' is missing, or the account may not see it."
    unreadable = {"id": "body:text", "a b": "body:text", "c": "body:odd", "d": "price:json"}
    told = problems(look(api, form, mapping={"data": unreadable, "name": "nothing", "result": {"odd": "body"}}))
    assert set(told) == {"data.id", "data.a b", "data.c", "data.d", "name", "result.odd"}
    many = {"data": {f"f{number}": "body:text" for number in range(100_000)}, "result": {"x" * 9: "body"}}
    assert "100 fields" in problems(look(api, form, mapping=many))["data"]
    two = {"data": {"one": "photo:bytes", "two": "body:base64"}}
    assert list(problems(look(api, form, mapping=two))) == ["data"]
    unseen = {"data": {"colour": "body:text"}}
    assert "shows $image" in problems(look(api, form, mapping=unseen))["data"]
    assert list(problems(look(api, form, mapping={"key": ["sku"]}))) == ["data"]


@pytest.mark.parametrize(
    "mapping",
    [
        "",
        "x",
        [],
        7,
        {"key": 7},
        {"data": []},
        {"data": {"a": 1}},
        {"other": 1},
        True,
        {"name": 1},
        {"result": {"annotation_data": []}},
        {"version": {}, "data": {"image": "photo:bytes"}},
    ],
)
def test_nonsense_is_a_problem_and_no_error(api: Any, form: dict[str, Any], source: Source, mapping: Any) -> None:
    source.execute(PRODUCTS)
    told = look(api, form, mapping=mapping)
    assert told["problems"]
    assert told["tasks"] == []


def test_a_table_without_a_key_says_so(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute("CREATE TABLE keyless (photo LONGBLOB, n INT)")
    add(source, "keyless", photo=PNG, n=1)
    told = look(api, form, table="keyless")
    assert problems(told) == {"key": "Choose the column that tells rows apart, or several."}
    assert told["uses"]["data"] == {"image": ["photo", "bytes"]}
    assert (
        "not the primary key"
        in problems(look(api, form, table="keyless", mapping={"key": ["n"], "data": {"image": "photo:bytes"}}))["key"]
    )


ODD = ["<b>bold</b>", "a:b=c,d", "back`tick", "名字", "שלום", "100% %s", "it's"]


@pytest.mark.parametrize("name", ODD)
def test_columns_of_any_name_are_labeled(api: Any, form: dict[str, Any], source: Source, name: str) -> None:
    quoted = f"`{name.replace('`', '``')}`".replace("%", "%%")
    source.execute(f"CREATE TABLE odd ({quoted} INT PRIMARY KEY, {quoted[:-1]}2` LONGBLOB, annotation_data LONGTEXT)")
    add(source, "odd", **{name: 1, f"{name}2": PNG})
    told = look(api, form, table="odd")
    assert told["problems"] == []
    assert told["uses"]["key"] == [name.lower()]
    assert told["tasks"][0]["thumbnail"]
    assert (
        api.post(
            "/api/storages/polardb", {**form, "table": "odd", "mapping": told["mapping"]}, format="json"
        ).status_code
        == 201
    )


def test_a_table_of_a_thousand_columns_is_told_at_once(api: Any, form: dict[str, Any], source: Source) -> None:
    many = ", ".join(f"c{number} INT NULL" for number in range(1000))
    source.execute(f"CREATE TABLE wide (id INT PRIMARY KEY, photo LONGBLOB, {many})")
    add(source, "wide", id=1, photo=PNG, c7=7)
    started = time.monotonic()
    told = look(api, form, table="wide")
    assert time.monotonic() - started < 5
    assert len(told["columns"]) == 1002
    assert told["problems"] == []


def test_huge_values_never_come_whole(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(PRODUCTS)
    add(source, "products", sku=1, photo=PNG, body="\N{GRINNING FACE}")
    source.execute("UPDATE products SET photo = REPEAT('x', 9000000), body = REPEAT(body, 2000000)")
    answer = api.post(
        "/api/storages/polardb/mapping",
        {**form, "mapping": {"data": {"image": "photo:bytes", "body": "body:text"}}},
        format="json",
    )
    assert len(answer.content) < 50_000
    [task] = answer.json()["tasks"]
    assert "too large" in task["problem"]
    assert task["fields"]["body"]["text"] == "\N{GRINNING FACE}" * 200


def test_what_rows_lack_or_hold_wrongly_is_said(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(PRODUCTS)
    add(source, "products", sku=1, photo=PNG)
    add(source, "products", sku=2, body="not\u202eseen", page="javascript:alert(1)")
    show(form, IMAGES)
    told = look(api, form, mapping={"data": {"image": "photo:bytes", "body": "body:text", "page": "page:url"}})
    first, second = told["tasks"]
    assert first["fields"]["body"] == {"text": None, "is_whole": True, "problem": ""}
    assert "photo is NULL" in second["problem"]
    assert second["fields"]["body"]["text"] == "not\\u202eseen"
    assert "not an address" in second["fields"]["page"]["problem"]


def test_the_connection_test_leaves_other_columns_to_the_next_step(
    api: Any, form: dict[str, Any], source: Source
) -> None:
    source.execute(PRODUCTS)
    answer = api.post("/api/storages/polardb/validate", form, format="json")
    assert answer.status_code == 200
    assert "the next step asks" in answer.json()["warnings"][0]
    without = {name: value for name, value in form.items() if name != "mapping"}
    answer = api.post("/api/storages/polardb/validate", without, format="json")
    assert "column 'base64_data' is missing" in answer.json()["validation_errors"]["table"][0]
    answer = api.post("/api/storages/polardb", form, format="json")
    assert "column 'base64_data' is missing" in answer.json()["validation_errors"]["table"][0]
    answer = api.post("/api/storages/polardb/validate", {**form, "table": "nothing"}, format="json")
    assert "There is no table 'nothing'" in answer.json()["validation_errors"]["table"][0]
    answer = api.post("/api/storages/export/polardb/validate", form, format="json")
    assert answer.status_code == 400, "results need columns that are known"
    assert api.post("/api/storages/polardb/validate", {**form, "table": source.table}, format="json").status_code == 200


def test_trying_columns_is_no_guessing_at_passwords(api: Any, form: dict[str, Any], source: Source) -> None:
    source.add_images(1)
    for _ in range(MAX_TRIALS + 2):
        look(api, form, table=source.table)
    assert not ConnectionTrial.objects.exists()
    for _ in range(MAX_TRIALS):
        wrong = {**form, "password": "wrong"}
        assert api.post("/api/storages/polardb/mapping", wrong, format="json").status_code == 400
    assert api.post("/api/storages/polardb/mapping", form, format="json").status_code == 429


def test_the_preview_of_a_table_of_texts_shows_them(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute("CREATE TABLE texts (id INT PRIMARY KEY, body TEXT, annotation_data LONGTEXT)")
    add(source, "texts", id=1, body="some words")
    show(form, TEXTS)
    chosen = {**form, "table": "texts", "mapping": {"data": {"body": "body:text"}}}
    answer = api.post("/api/storages/polardb/files", chosen, format="json")
    assert answer.json()["files"][0]["fields"]["body"]["text"] == "some words"
    assert answer.json()["files"][0]["thumbnail"] is None


@pytest.mark.parametrize("kind", ["body:text|gzip", "title:text,body:text|gzip"])
def test_the_preview_unpacks_texts_and_takes_the_first_of_several(
    kind: str, api: Any, form: dict[str, Any], source: Source
) -> None:
    source.execute("CREATE TABLE texts (id INT PRIMARY KEY, title TEXT, body MEDIUMBLOB, annotation_data LONGTEXT)")
    add(source, "texts", id=1, body=gzip.compress(b"some words"))
    add(source, "texts", id=2, body=gzip.compress(secrets.token_bytes(MAX_READ_BYTES)))
    add(source, "texts", id=3, body=b"no gzip")
    show(form, TEXTS)
    chosen = {**form, "table": "texts", "mapping": {"data": {"body": kind}}}
    answer = api.post("/api/storages/polardb/files", {**chosen, "limit": 3}, format="json")
    first, large, damaged = (file["fields"]["body"] for file in answer.json()["files"][:3])
    assert first == {"text": "some words", "is_whole": True, "problem": ""}
    assert (large["text"], large["is_whole"]) == ("", False)
    assert damaged["text"] is None
    assert "body" in damaged["problem"]
