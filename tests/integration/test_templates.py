"""The editor of templates: who may use it, what it saves and refuses, and what it says of others' changes."""

from __future__ import annotations

import html
import json
import re
import time
from typing import Any

import pytest
from django.test import Client

from polardb_bridge.deployments.console import database
from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.labeling import SUPPORTED_TYPES
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.table.connection import connect
from support.deployments import first_password_of
from support.hostile_server import hostile_server, silence
from support.sessions import signed_in
from support.source_data import LABELS, TABLE, Source, url_of

SHELLS = ["/polardb/templates/", "/polardb/templates/1/", "/polardb/templates/1/copy"]
PARTS = ["/polardb/templates/list", "/polardb/templates/new?of=1", "/polardb/templates/1/form"]
CHANGES = [
    "/polardb/templates/new",
    "/polardb/templates/1/form",
    "/polardb/templates/1/delete",
    "/polardb/templates/check",
]
ODD = (
    '{"type": "ObjectDetection",  "labels": ["猫", "<b>&\\"🐈"], "title": "&lt;12345678901234567890", "layout": "side"}'
)


@pytest.fixture
def operator(user: Any, source: Source, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A browser of the administrator, with `source` as the database of the commands."""
    monkeypatch.setenv("POLARDB_URL", url_of(source.parameters))
    return signed_in(user.email, "correct-horse-9")


def rows(source: Source) -> list[tuple[Any, ...]]:
    with connect(source.parameters) as connection:
        found = connection.exec_driver_sql(
            "SELECT id, tp_name, tp_description, tp_schema, tp_is_active FROM annotation_template ORDER BY id"
        )
        return [tuple(row) for row in found]


def fields_of(page: str) -> dict[str, str]:
    """What the form of a page would send, unchanged."""
    form = page.partition("data-template")[2]
    found = {"is_active": "on"} if re.search(r'name="is_active"[^>]* checked', form) else {}
    for name in ("name", "before"):
        value = re.search(rf'<input[^>]*name="{name}"(?: value="([^"]*)")?', form)
        assert value
        found[name] = html.unescape(value[1] or "")
    for name in ("description", "schema"):
        value = re.search(rf'<textarea name="{name}"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
        assert value
        found[name] = html.unescape(value[1])
    return found


def send(browser: Any, path: str, fields: dict[str, str], **extra: Any) -> Any:
    return browser.post(path, fields, format="multipart", **extra)


def alerts(answer: Any) -> str:
    found = re.findall(r'<(div|small|p)\b[^>]*role="alert"[^>]*>(.*?)</\1>', answer.text, re.DOTALL)
    return html.unescape(" ".join(text for _tag, text in found))


@pytest.mark.parametrize("path", [*SHELLS, *PARTS])
def test_strangers_are_sent_to_the_login(path: str, db: None) -> None:
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize("path", [*SHELLS, *PARTS, *CHANGES])
def test_only_administrators_get_in(path: str, source: Source, operator: Any) -> None:
    deployment = deploy(DeployModel("Label-Studio", "mark_animal", "1", TABLE), source.parameters)
    Deployment.objects.update(allowed_networks=["127.0.0.1/32"])
    browser = signed_in(deployment.user.email, first_password_of(deployment))
    before = rows(source)
    for answer in (browser.get(path), browser.post(path, {"name": "x", "schema": ODD})):
        assert answer.status_code in (403, 405)
    assert rows(source) == before


@pytest.mark.parametrize("path", CHANGES)
def test_nothing_changes_without_the_pages_token(path: str, operator: Any, source: Source) -> None:
    fields = fields_of(operator.get("/polardb/templates/1/form").text)
    before = rows(source)
    operator.credentials()
    assert operator.post(path, {**fields, "name": "changed"}).status_code == 403
    assert rows(source) == before


def test_a_template_is_added_copied_edited_and_deleted(operator: Any, source: Source) -> None:
    page = operator.get("/polardb/templates/new").text
    typed = {**fields_of(page), "name": "odd", "description": "two\r\nlines", "schema": ODD}
    assert send(operator, "/polardb/templates/new", typed).status_code == 302
    [_, (pk, name, description, schema, is_active)] = rows(source)
    assert (name, description, is_active) == ("odd", "two\nlines", 1)
    assert json.loads(schema) == json.loads(ODD)
    listed = operator.get("/polardb/templates/list").text
    assert f"/polardb/templates/{pk}/" in listed
    assert "&lt;b&gt;&amp;&quot;🐈" in listed

    copy = fields_of(operator.get(f"/polardb/templates/new?of={pk}").text)
    assert (copy["name"], copy["before"], json.loads(copy["schema"])) == ("odd (copy)", "", json.loads(ODD))
    assert send(operator, "/polardb/templates/new", copy).status_code == 302
    assert [row[1] for row in rows(source)] == ["animals", "odd", "odd (copy)"]

    edited = fields_of(operator.get(f"/polardb/templates/{pk}/form").text)
    del edited["is_active"]
    assert send(operator, f"/polardb/templates/{pk}/form", {**edited, "name": "even"}).status_code == 302
    assert [(row[1], row[4]) for row in rows(source)] == [("animals", 1), ("even", 0), ("odd (copy)", 1)]
    before = fields_of(operator.get(f"/polardb/templates/{pk}/form").text)["before"]
    assert send(operator, f"/polardb/templates/{pk}/delete", {"before": before}).status_code == 302
    assert [row[1] for row in rows(source)] == ["animals", "odd (copy)"]

    records = list(StatementRecord.objects.order_by("pk").values_list("via", "outcome", "statement"))
    assert [(via, outcome) for via, outcome, _ in records] == [("console", "done")] * 4
    assert records[0][2].startswith('-- add template odd: {"type"')
    assert records[2][2].startswith(f"-- change template {pk}, even: ")
    assert records[3][2] == f"-- delete template {pk}, even"


@pytest.mark.parametrize(
    ("schema", "said", "part"),
    [
        ('{"type": "ObjectDetection", "labels": ["a",\n "b" "c"]}', "is not JSON: see line 2, column 6.", ""),
        ('{"type": "ObjectDetection", "labels": ["a"], "n": NaN}', "is not JSON: see line 1, column 51.", ""),
        ("[" * 5000, "is nested too deeply.", ""),
        ("[1]", "is not a JSON object but a list.", ""),
        ('{"type": "Nope", "labels": ["a"]}', "type 'Nope' is not supported", "type"),
        ('{"type": "ObjectDetection", "labels": ["cat", "cat"]}', "label 2 ('cat') is listed twice.", "labels"),
        ('{"type": "ObjectDetection", "labels": ["a"], "layout": 7}', "layout 7 is not supported", "layout"),
    ],
)
def test_what_deploy_would_refuse_is_not_saved(
    schema: str, said: str, part: str, operator: Any, source: Source
) -> None:
    before = rows(source)
    fields = {**fields_of(operator.get("/polardb/templates/1/form").text), "schema": schema}
    answer = send(operator, "/polardb/templates/1/form", fields)
    assert answer.status_code == 400
    assert said in alerts(answer)
    assert fields_of(answer.text) == fields, "what was typed stays"
    assert rows(source) == before
    problem = send(operator, "/polardb/templates/check", fields).json()["problem"]
    assert (said in problem["message"], problem["part"]) == (True, part)
    chinese = send(operator, "/polardb/templates/check", fields, HTTP_ACCEPT_LANGUAGE="zh-CN").json()["problem"]
    assert re.search("[\u4e00-\u9fff]", chinese["message"])


def test_it_is_said_in_the_words_of_deploy(operator: Any, source: Source) -> None:
    schema = '{"type": "ObjectDetection", "labels": ["a", ""]}'
    source.execute(f"INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('bad', '{schema}')")
    statement = f"DEPLOY MODEL `Label-Studio` WITH (annotation_template_id='bad', annotation_source='{TABLE}')"
    deployed = html.unescape(send(operator, "/polardb/statements", {"statements": statement}).text)
    [said] = re.findall(r"Incorrect arguments to DEPLOY MODEL: ([^<]*)", deployed.partition("Run so far")[0])
    assert send(operator, "/polardb/templates/check", {"schema": schema}).json()["problem"]["message"] == said
    assert said in html.unescape(operator.get("/polardb/templates/list").text)


def test_the_place_of_an_error_in_json_is_marked(operator: Any) -> None:
    fields = {**fields_of(operator.get("/polardb/templates/new").text), "name": "x", "schema": '{"a": <b>}'}
    assert "{&quot;a&quot;: <mark>&lt;</mark>b&gt;}" in send(operator, "/polardb/templates/new", fields).text
    fields["schema"] = '{"a": 1'
    assert "{&quot;a&quot;: 1<mark> </mark>" in send(operator, "/polardb/templates/new", fields).text


def test_the_second_of_two_who_edit_at_once_is_told_and_keeps_what_was_typed(operator: Any, source: Source) -> None:
    path = "/polardb/templates/1/form"
    first, second = (fields_of(operator.get(path).text) for _ in range(2))
    changed = {"type": "ObjectDetection", "labels": ["dog", "horse"]}
    first |= {"schema": json.dumps(changed), "description": "with <horses>"}
    assert send(operator, path, first).status_code == 302
    second |= {"name": "zoo"}
    answer = send(operator, path, second)
    assert answer.status_code == 409
    said = alerts(answer)
    for text in ("was changed meanwhile", "labels added: horse", "labels removed: cat", " → with <horses>"):
        assert text in said
    kept = fields_of(answer.text)
    assert {**kept, "before": ""} == {**second, "before": ""}
    assert rows(source)[0][1] == "animals"
    # Whoever saves again has seen it.
    assert send(operator, path, kept).status_code == 302
    assert (rows(source)[0][1], json.loads(rows(source)[0][3])["labels"]) == ("zoo", LABELS)
    outcomes = StatementRecord.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == ["done", "refused", "done"]
    answer = send(operator, "/polardb/templates/1/delete", {"before": second["before"]})
    assert answer.status_code == 409
    assert len(rows(source)) == 1


def test_the_way_json_is_written_is_no_change(operator: Any, source: Source) -> None:
    path = "/polardb/templates/1/form"
    fields = fields_of(operator.get(path).text)
    source.execute(
        """UPDATE annotation_template SET tp_schema = '{"labels":["cat", "dog"],"type":"ObjectDetection"}'"""
    )
    assert send(operator, path, {**fields, "name": "zoo"}).status_code == 302


def test_what_was_deleted_meanwhile_can_be_added_anew(operator: Any, source: Source) -> None:
    path = "/polardb/templates/1/form"
    fields = fields_of(operator.get(path).text)
    source.execute("DELETE FROM annotation_template")
    answer = send(operator, path, {**fields, "name": "zoo"})
    assert answer.status_code == 409
    assert "was deleted meanwhile" in alerts(answer)
    assert 'action="/polardb/templates/new"' in answer.text
    assert send(operator, "/polardb/templates/new", fields_of(answer.text)).status_code == 302
    assert rows(source)[0][1] == "zoo"
    assert "There is no template 77." in operator.get("/polardb/templates/77/form").text


def test_a_name_is_taken_as_the_server_compares_names(operator: Any, source: Source) -> None:
    fields = {**fields_of(operator.get("/polardb/templates/new?of=1").text), "name": "ANIMALS"}
    answer = send(operator, "/polardb/templates/new", fields)
    assert answer.status_code == 400
    assert "There already is a template 'ANIMALS', of id 1." in alerts(answer)
    assert len(rows(source)) == 1


def test_what_the_server_refuses_is_one_line_and_what_was_typed_stays(
    operator: Any, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**fields_of(operator.get("/polardb/templates/1/form").text), "name": "zoo"}
    user = f"{source.parameters.database}_r"
    source.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY 'right-horse-7'")
    source.execute(f"GRANT SELECT ON {source.parameters.database}.* TO {user}@'%%'")
    try:
        account = url_of(source.parameters).replace("://root@", f"://{user}:right-horse-7@")
        assert user in account
        monkeypatch.setenv("POLARDB_URL", account)
        for path in ("/polardb/templates/1/form", "/polardb/templates/new"):
            answer = send(operator, path, fields)
            assert answer.status_code == 400
            assert f"User '{user}' lacks a privilege: " in alerts(answer)
            assert fields_of(answer.text)["name"] == "zoo"
        assert "lacks a privilege" in send(operator, "/polardb/templates/1/delete", fields, follow=True).text
    finally:
        source.execute(f"DROP USER {user}@'%%'")
    assert rows(source)[0][1] == "animals"


def test_pages_come_at_once_while_the_database_hangs(
    operator: Any, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {**fields_of(operator.get("/polardb/templates/1/form").text), "name": "zoo"}
    monkeypatch.setattr(database, "TIME_LIMIT_S", 1.0)
    with hostile_server(talk=silence) as silent:
        monkeypatch.setenv("POLARDB_URL", f"mysql://root@127.0.0.1:{silent.port}/labeling")
        began = time.monotonic()
        for path in SHELLS:
            assert operator.get(path).status_code == 200
        assert time.monotonic() - began < 2
        assert "The database cannot be read:" in operator.get("/polardb/templates/list").text
        answer = send(operator, "/polardb/templates/1/form", fields)
        assert answer.status_code == 400
        assert fields_of(answer.text)["name"] == "zoo"


def test_what_is_deployed_with_it_is_named(operator: Any, source: Source) -> None:
    assert "Nothing is deployed with it." in operator.get("/polardb/templates/1/form").text
    deploy(DeployModel("Label-Studio", "mark_animal", "animals", TABLE), source.parameters)
    before = Deployment.objects.get().project.label_config
    page = operator.get("/polardb/templates/1/form").text
    assert "Deployed with it: mark_animal. They keep the labeling screen that they have" in page
    fields = {**fields_of(page), "schema": ODD}
    assert send(operator, "/polardb/templates/1/form", fields).status_code == 302
    assert Deployment.objects.get().project.label_config == before


def test_many_templates_have_pages(operator: Any, source: Source) -> None:
    schema = json.dumps({"type": SUPPORTED_TYPES[0], "labels": [f"label {number}" for number in range(10_000)]})
    values = ", ".join(f"('template {number}', '{{}}')" for number in range(120))
    source.execute(f"INSERT INTO annotation_template (tp_name, tp_schema) VALUES {values}")
    source.execute(f"INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('many', '{schema}')")
    first = operator.get("/polardb/templates/list").text
    assert first.count("<article") == 50
    last = operator.get("/polardb/templates/list?page=3").text
    assert "101 to 122 of 122" in last
    assert "and 9992 more" in last
    for page in ("0", "-1", "x", "²", "9" * 30):
        assert operator.get(f"/polardb/templates/list?page={page}").status_code == 200


def test_a_database_without_templates_says_what_to_do(operator: Any, source: Source) -> None:
    source.execute("DELETE FROM annotation_template")
    assert "There is no template yet." in operator.get("/polardb/templates/list").text
    source.execute("DROP TABLE annotation_template")
    assert "create_tables creates it" in operator.get("/polardb/templates/list").text
    answer = send(operator, "/polardb/templates/new", {"name": "x", "schema": ODD})
    assert "There is no table 'annotation_template' in the database" in alerts(answer)
