"""The form "Deploy a table" for tables that nobody made for labeling: what it is told, and what it deploys."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.statements.parser import parse
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.table.connection import begin
from support.sessions import signed_in
from support.source_data import TABLE, Source, image_bytes

FORM = {
    "source": "products",
    "name": "shop",
    "title": "",
    "image_delivery": "auto",
    "existing_annotations": "annotations",
    "template": "1",
}


@pytest.fixture
def operator(user: Any, source: Source, commands_database: None) -> Any:
    """A browser of the administrator, with `source` and a table of products in the database of the commands."""
    source.execute(
        "CREATE TABLE products (sku VARCHAR(20) PRIMARY KEY, title VARCHAR(80), `ph,oto` LONGBLOB, body TEXT,"
        " annotation_data LONGTEXT, changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
        " ON UPDATE CURRENT_TIMESTAMP)"
    )
    with begin(source.parameters) as connection:
        values = {"photo": image_bytes(), "schema": json.dumps({"type": "TextClassification", "labels": ["a"]})}
        connection.execute(
            sa.text("INSERT INTO products (sku, title, `ph,oto`, body) VALUES ('é-1', 'one', :photo, 'some words')"),
            values,
        )
        connection.execute(
            sa.text("INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('t', :schema)"), values
        )
    return signed_in(user.email, "correct-horse-9")


def look(operator: Any, asked: Any = None, **changes: str) -> dict[str, Any]:
    form = {**FORM, "asked": "" if asked is None else json.dumps(asked), **changes}
    answer = operator.post("/polardb/deploy/mapping", form, format="multipart")
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def test_a_table_of_other_columns_is_offered_and_deployed_as_it_was_proposed(operator: Any) -> None:
    page = operator.get("/polardb/deploy").text
    assert "With other columns" in page
    assert page.index(f'value="{TABLE}"') < page.index('value="products"')
    assert "annotation_template</option>" not in page
    told = look(operator)
    assert told["problems"] == []
    assert told["uses"]["data"] == {"image": ["ph,oto", "bytes"]}
    assert list(told["unfit"]) == ["2"], "texts are not what tasks show"
    assert told["statement"].startswith("DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = 'animals'")
    answer = operator.post("/polardb/deploy", {**FORM, "mapping": told["asked"]}, format="multipart")
    assert answer.status_code == 302, answer.text
    [statement] = parse(told["statement"])
    assert isinstance(statement, DeployModel)
    storage = PolarDBImportStorage.objects.get(project=Deployment.objects.get().project)
    mapping = storage.table_mapping
    assert (mapping.key, mapping.name, mapping.version) == ("sku", "title", "changed_at")
    assert statement.mapping.to_texts()["image"] == "`ph,oto`:bytes"


def test_the_columns_go_with_the_template(operator: Any) -> None:
    told = look(operator, template="2")
    assert told["uses"]["data"] == {"text": ["body", "text"]}
    assert list(told["unfit"]) == ["1"]
    assert "shows $image" in told["unfit"]["1"]
    told = look(operator, {"data": {"image": "`ph,oto`:bytes"}}, template="2")
    assert [problem["part"] for problem in told["problems"]] == ["data"]
    assert told["statement"] == ""


def test_of_a_documented_table_nothing_needs_to_be_said(operator: Any, source: Source) -> None:
    source.add_images(1)
    told = look(operator, source=TABLE)
    assert (told["asked"], told["problems"], told["mapping"]) == ("", [], {})
    assert "map" not in told["statement"]
    assert look(operator, source=TABLE, name="")["statement"] == "", "the form is not complete"


def test_what_is_wrong_is_refused_with_its_reason(operator: Any, source: Source) -> None:
    source.execute("ALTER TABLE products CHANGE annotation_data answer LONGTEXT")
    told = look(operator)
    assert [problem["part"] for problem in told["problems"]] == ["result"]
    assert told["problems"][0]["message"] == "Choose the column that takes results."
    page = operator.post("/polardb/deploy", {**FORM, "mapping": told["asked"]}, format="multipart")
    assert page.status_code == 400
    assert "no column for results" in html.unescape(page.text)
    for mapping in ("{", "[]", '{"data": {"image": ":"}}', "[" * 100_000):
        page = operator.post("/polardb/deploy", {**FORM, "mapping": mapping}, format="multipart")
        assert page.status_code == 400, mapping[:50]
        assert look(operator, asked=None, source="nothing")["problem"].startswith("There is no table 'nothing'")
    assert not Deployment.objects.exists()


def test_it_speaks_chinese(operator: Any, source: Source) -> None:
    source.execute("ALTER TABLE products DROP PRIMARY KEY")
    answer = operator.post("/polardb/deploy/mapping?language=zh-hans", FORM, format="multipart").json()
    assert answer["problems"][0]["message"] == "请选择用来区分各行的列，可以是多列。"
    script = operator.get("/polardb/deploy.js?language=zh-hans").content.decode()
    assert json.dumps("修改列") in script


def test_only_administrators_with_the_pages_token_ask(operator: Any, user: Any) -> None:
    operator.credentials()
    assert operator.post("/polardb/deploy/mapping", FORM, format="multipart").status_code == 403
    user.is_superuser = False
    user.save()
    other = signed_in(user.email, "correct-horse-9")
    assert other.post("/polardb/deploy/mapping", FORM, format="multipart").status_code == 403
