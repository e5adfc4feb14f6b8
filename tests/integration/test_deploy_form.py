"""The form "Deploy a table": what it offers, what it does not, and how it names a template."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import Any

import pytest

from polardb_bridge.deployments.console.template_store import change, read
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.storage.models import PolarDBExportStorage
from support.labeling import provision
from support.sessions import signed_in
from support.source_data import TABLE, Source


@pytest.fixture
def operator(user: Any, source: Source, commands_database: None) -> Any:
    """A browser of the administrator, with `source` as the database of the commands."""
    return signed_in(user.email, "correct-horse-9")


def deploy_by_form(operator: Any) -> None:
    fields = {"template": "1", "source": TABLE, "name": "mark_animal", "title": ""}
    choices = {"image_delivery": "auto", "existing_annotations": "annotations"}
    answer = operator.post("/polardb/deploy", {**fields, **choices}, format="multipart")
    assert answer.status_code == 302, answer.text


def not_offered(page: str) -> str:
    """What stands below "Not offered, and why"."""
    assert "Not offered, and why" in page, page
    return html.unescape(page.partition("Not offered, and why")[2].partition("</details>")[0])


def test_a_table_that_a_project_writes_is_not_offered_and_its_owner_is_told(operator: Any, source: Source) -> None:
    """Also under another address of the server."""
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    project = provision(source.parameters, name="Farm animals").project
    for host in (source.parameters.host, "localhost"):
        PolarDBExportStorage.objects.update(host=host)
        page = operator.get("/polardb/deploy").text
        assert 'value="cars"' in page
        assert f'value="{TABLE}"' not in page
        assert f"already belongs to the project 'Farm animals' (/projects/{project.pk})" in not_offered(page)
    page = operator.get("/polardb/deploy?language=zh-hans").text
    assert f"表 '{TABLE}' 已属于项目 'Farm animals' (/projects/{project.pk})" in html.unescape(page)


def test_what_is_being_dropped_keeps_its_table(operator: Any, deployment: Deployment) -> None:
    deployment.project.delete()
    assert "already belongs to the deployment 'mark_animal'" in not_offered(operator.get("/polardb/deploy").text)


def test_names_that_order_others_are_shown_with_escapes(operator: Any, source: Source) -> None:
    source.execute(f"CREATE TABLE `rtl\u202egnp` LIKE {TABLE}")
    source.execute("UPDATE annotation_template SET tp_name = 'ani\u202eslam' WHERE id = 1")
    page = operator.get("/polardb/deploy").text
    assert "\u202e" not in page
    assert 'value="rtl' not in page
    told = not_offered(page)
    assert "rtl\\u202egnp" in told
    assert "cannot be a table's name" in told
    assert "1: ani\\u202eslam" in page
    assert "rtl" not in str(operator.get("/polardb/templates/tables").json())
    page = operator.get("/polardb/templates/list").text
    assert "\u202e" not in page
    assert "1: <bdi>ani\\u202eslam</bdi>" in page
    source.execute("UPDATE annotation_template SET tp_name = '\u05d0\u05d1' WHERE id = 1")
    assert "1: \u2068\u05d0\u05d1\u2069" in operator.get("/polardb/deploy").text


def test_a_template_is_named_unless_its_name_could_be_another(operator: Any, source: Source) -> None:
    source.execute("ALTER TABLE annotation_template DROP INDEX tp_name")
    source.execute(
        "INSERT INTO annotation_template (tp_name, tp_schema) SELECT tp_name, tp_schema FROM annotation_template"
    )
    deploy_by_form(operator)
    assert Deployment.objects.get().template_id == "1"


def test_a_deployment_shows_the_name_that_its_template_has_now(operator: Any, source: Source) -> None:
    deploy_by_form(operator)
    before = read(1)
    assert before
    change(1, before, replace(before, name="zoo"), Actor(None, None, "console"))
    assert Deployment.objects.get().template_id == "zoo"
