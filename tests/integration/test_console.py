"""The operator's page: who sees it, what it shows, and that every change is a statement."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.storage.labels import vanished_labels
from polardb_bridge.storage.sync.run import run_sync
from support.deployments import first_password_of, import_storage_of
from support.sessions import signed_in
from support.source_data import TABLE, Source, region, url_of

PAGES = ["/polardb/", "/polardb/deploy", "/polardb/statements", "/polardb/mark_animal/drop"]
CHANGES = [
    "/polardb/deploy",
    "/polardb/mark_animal/allow-list",
    "/polardb/mark_animal/own-address",
    "/polardb/mark_animal/sync",
    "/polardb/mark_animal/password",
    "/polardb/mark_animal/drop",
]


@pytest.fixture
def operator(user: Any, source: Source, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A browser of the administrator, with `source` as the database of the commands."""
    monkeypatch.setenv("POLARDB_URL", url_of(source.parameters))
    return signed_in(user.email, "correct-horse-9")


@pytest.fixture
def deployment(source: Source, user: Any) -> Deployment:
    return deploy(DeployModel("Label-Studio", "mark_animal", "1", TABLE), source.parameters)


def submit(browser: Any, path: str, **fields: str) -> Any:
    """Send a form as the page does."""
    return browser.post(path, fields, format="multipart")


def deploy_form(**fields: str) -> dict[str, str]:
    return {
        "template": "1",
        "source": TABLE,
        "name": "mark_animal",
        "title": "",
        "image_delivery": "auto",
        "existing_annotations": "annotations",
        **fields,
    }


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_the_login(path: str, db: None) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/user/login/?next={path}")


@pytest.mark.parametrize("path", [*PAGES, *CHANGES])
def test_only_administrators_get_in(path: str, deployment: Deployment) -> None:
    Deployment.objects.update(allowed_networks=["127.0.0.1/32"])
    browser = signed_in(deployment.user.email, first_password_of(deployment))
    for answer in (browser.get(path), browser.post(path, {"confirmation": "mark_animal"})):
        assert answer.status_code in (403, 405)
    assert Deployment.objects.filter(name="mark_animal", is_dropping=False).exists()
    assert Deployment.objects.get().allowed_networks == ["127.0.0.1/32"]


@pytest.mark.parametrize("path", CHANGES)
def test_nothing_changes_without_the_pages_token(path: str, operator: Any, deployment: Deployment) -> None:
    operator.credentials()
    answer = operator.post(path, {"confirmation": "mark_animal", "networks": "0.0.0.0/0"})
    assert answer.status_code == 403
    assert Deployment.objects.get().allowed_networks == []


def test_a_table_is_deployed_by_a_recorded_statement(operator: Any, source: Source) -> None:
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    page = operator.get("/polardb/deploy").text
    assert "1: animals" in page
    assert 'value="cars"' in page
    assert f'value="{TABLE}"' in page
    answer = submit(operator, "/polardb/deploy", **deploy_form(title="My animals", image_delivery="link"))
    assert answer.status_code == 302
    deployment = Deployment.objects.get()
    assert (deployment.name, deployment.project.title) == ("mark_animal", "My animals")
    assert import_storage_of(deployment).image_delivery == "link"
    record = StatementRecord.objects.get()
    assert (record.via, record.outcome, record.client_ip) == ("console", "done", "127.0.0.1")
    assert record.statement.startswith("DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = 'animals'")
    page = operator.get("/polardb/").text
    assert "mark_animal@deployments.local" in page
    assert "<dd>animals</dd>" in page
    page = operator.get("/polardb/deploy").text
    assert f'value="{TABLE}"' not in page, "a table is deployed once"
    assert f"The table &#x27;{TABLE}&#x27; already belongs to the deployment &#x27;mark_animal&#x27;" in page
    assert "DEPLOY MODEL" in operator.get("/polardb/statements").text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "mark animal"}, "1 to 64 letters"),
        ({"name": "x" * 65}, "1 to 64 letters"),
        ({"source": "mysql.user"}, "Select a valid choice"),
        ({"template": "99"}, "Select a valid choice"),
        ({"title": "ab"}, "at least 3 characters"),
        ({"image_delivery": "fax"}, "Select a valid choice"),
    ],
)
def test_a_bad_form_is_shown_again(fields: dict[str, Any], message: str, operator: Any) -> None:
    answer = submit(operator, "/polardb/deploy", **deploy_form(**fields))
    assert answer.status_code == 400
    assert message in answer.text
    assert not Deployment.objects.exists()


def test_a_taken_name_is_explained_and_the_form_kept(operator: Any, source: Source, deployment: Deployment) -> None:
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    answer = submit(operator, "/polardb/deploy", **deploy_form(source="cars", title="Street"))
    assert answer.status_code == 400
    assert "There already is a deployment &#x27;mark_animal&#x27;." in answer.text
    assert "ERROR" not in answer.text
    assert 'value="Street"' in answer.text


def test_the_allow_list_is_edited(operator: Any, deployment: Deployment) -> None:
    answer = submit(operator, "/polardb/mark_animal/allow-list", networks=" 10.0.0.0/8\r\n\r\n2001:db8::1 ,118.178.1.2")
    assert answer.status_code == 302
    assert Deployment.objects.get().allowed_networks == ["10.0.0.0/8", "2001:db8::1/128", "118.178.1.2/32"]
    assert "2001:db8::1/128" in operator.get("/polardb/").text
    answer = submit(operator, "/polardb/mark_animal/allow-list", networks="somewhere")
    assert answer.status_code == 400
    assert ">somewhere</textarea>" in answer.text
    assert len(Deployment.objects.get().allowed_networks) == 3
    submit(operator, "/polardb/mark_animal/allow-list", networks="")
    assert Deployment.objects.get().allowed_networks == []


def test_dropping_asks_for_the_name(operator: Any, deployment: Deployment) -> None:
    assert "mark_animal" in operator.get("/polardb/mark_animal/drop").text
    answer = submit(operator, "/polardb/mark_animal/drop", confirmation="yes")
    assert answer.status_code == 400
    assert Deployment.objects.exists()
    assert submit(operator, "/polardb/mark_animal/drop", confirmation="mark_animal").status_code == 302
    assert not Deployment.objects.exists()
    answer = operator.get("/polardb/mark_animal/drop", follow=True)
    assert "no deployment &#x27;mark_animal&#x27;" in answer.text


def test_a_database_that_is_down_leaves_the_rest_of_the_page(
    operator: Any, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARDB_URL", "mysql://root@127.0.0.1:1/labeling")
    assert "mark_animal" in operator.get("/polardb/").text
    page = operator.get("/polardb/deploy")
    assert page.status_code == 200
    assert "The database cannot be read:" in page.text
    monkeypatch.delenv("POLARDB_URL")
    assert "POLARDB_URL is not set" in operator.get("/polardb/deploy").text


def test_names_from_the_database_are_only_text(operator: Any, source: Source) -> None:
    source.execute("UPDATE annotation_template SET tp_name = '<script>alert(1)</script>'")
    page = operator.get("/polardb/deploy").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_speaks_the_readers_language(operator: Any, deployment: Deployment) -> None:
    assert "<h1>部署</h1>" in operator.get("/polardb/", HTTP_ACCEPT_LANGUAGE="zh-CN,zh;q=0.9").text
    assert "<h1>Deployments</h1>" in operator.get("/polardb/", HTTP_ACCEPT_LANGUAGE="fr").text
    assert 'lang="zh-hans"' in operator.get("/polardb/?language=zh-hans").text
    assert "<h1>部署</h1>" in operator.get("/polardb/").text, "the choice is remembered"
    # Label Studio's own answers stay English, whatever the browser prefers.
    answer = operator.get("/api/projects/99999", HTTP_ACCEPT_LANGUAGE="zh-CN")
    assert answer.json()["detail"] == "No Project matches the given query."


def test_scripts_and_styles_are_sent_once(operator: Any) -> None:
    for name in ("console.css", "console.js"):
        answer = operator.get(f"/polardb/{name}")
        assert answer.status_code == 200
        assert operator.get(f"/polardb/{name}", HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304


def test_only_what_can_be_deployed_is_offered_and_the_rest_has_its_reason(operator: Any, source: Source) -> None:
    for name in ("t space", "t.dot"):
        source.execute(f"CREATE TABLE `{name}` LIKE {TABLE}")
    source.execute(
        "INSERT INTO annotation_template (id, tp_name, tp_schema, tp_is_active) VALUES"
        """ (7, 'off', '{"type": "ObjectDetection", "labels": ["a"]}', 0),"""
        """ (8, 'null', '{"type": "ObjectDetection", "labels": ["a"]}', NULL),"""
        """ (9, 'odd', '{"type": "Nope", "labels": ["a"]}', 1),"""
        """ (10, 'money', '{"type": "ObjectDetection", "labels": ["$a"]}', 1)"""
    )
    page = operator.get("/polardb/deploy").content.decode()
    offered = re.findall(r'<option value="([^"]*)"', page)
    assert TABLE in offered
    assert "1" in offered
    assert not {"t space", "t.dot", "7", "8", "9", "10"} & set(offered)
    unfit = page.partition("Not offered, and why")[2]
    for name, reason in (
        ("t space", "cannot be a table"),
        ("t.dot", "cannot be a table"),
        ("off", "tp_is_active is 0"),
        ("null", "tp_is_active is NULL"),
        ("odd", "is not supported"),
        ("money", "has a $"),
    ):
        assert re.search(rf"<code[^>]*>{re.escape(name)}</code> <small>[^<]*{re.escape(reason)}", unfit), name


def test_errors_are_in_the_language_of_the_page(operator: Any, deployment: Deployment) -> None:
    chinese = {"HTTP_ACCEPT_LANGUAGE": "zh-CN"}
    page = operator.post(
        "/polardb/mark_animal/allow-list", {"networks": "1.2.3.4，5.6.7.8"}, format="multipart", **chinese
    ).content.decode()
    [alert] = re.findall(r'role="alert"[^>]*>(.*?)<', page, re.DOTALL)
    assert "既不是 IP 地址也不是网段" in alert
    page = operator.post(
        "/polardb/mark_animal/allow-list", {"networks": "1.2.3.4"}, format="multipart", follow=True, **chinese
    )
    assert "部署 mark_animal 已对 1.2.3.4 开放。" in page.content.decode()
    assert (
        "neither an IP address" in submit(operator, "/polardb/mark_animal/allow-list", networks="，").content.decode()
    )


def test_labels_that_vanished_from_the_interface_are_named(
    operator: Any, deployment: Deployment, source: Source
) -> None:
    from polardb_bridge.deployments.status import status_of

    source.add_images(2)
    for row_id, label in ((1, "dog"), (2, "horse")):
        source.execute(
            f"UPDATE {TABLE} SET annotation_data = '{json.dumps([region(label), region('cat')])}' WHERE id = {row_id}"
        )
    storage = import_storage_of(deployment)
    assert run_sync(storage, force=True).failed == 0
    assert vanished_labels(storage.project) == [
        "The label 'horse' stands in results (once) and not in the interface; they keep it."
    ]
    status = status_of(Deployment.objects.get(pk=deployment.pk))
    assert (status.state.value, status.vanished_labels) == ("degraded", 1)
    assert "1 label of results is not in the labeling interface" in status.reason
    assert operator.get(f"/api/storages/polardb/{storage.pk}").json()["notes"] == vanished_labels(storage.project)
    assert "Labels of results that the labeling interface lacks:" in operator.get("/polardb/").content.decode()


@pytest.mark.parametrize("page", ["password", "drop"])
def test_a_page_of_what_is_not_there_leads_back_to_the_list(operator: Any, page: str) -> None:
    answer = operator.get(f"/polardb/nope/{page}", follow=True)
    assert answer.redirect_chain == [("/polardb/", 302)]
    assert "There is no deployment &#x27;nope&#x27;." in answer.content.decode()
