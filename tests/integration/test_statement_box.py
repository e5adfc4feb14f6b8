"""Statements typed on the operator's page: results, errors at their place, and what is kept from the page."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.deployments.models import Deployment, StatementRecord
from support.deployments import first_password_of
from support.sessions import signed_in

PATH = "/polardb/statements"


def run(browser: Any, text: str, **extra: Any) -> Any:
    return browser.post(PATH, {"statements": text}, format="multipart", **extra)


def test_results_are_tables_and_messages(api: Any, deployment: Deployment) -> None:
    answer = run(api, "SHOW DEPLOYMENTS;\r\nUPDATE WHITEIPS `model_mark_animal` WITH (ips='10.0.0.0/8');")
    assert answer.status_code == 200
    assert '<th scope="col">deployment_name</th>' in answer.text
    assert "Deployment mark_animal is open to 10.0.0.0/8." in answer.text
    assert Deployment.objects.get().allowed_networks == ["10.0.0.0/8"]
    records = StatementRecord.objects.order_by("pk")
    assert [(record.via, record.outcome) for record in records] == [("console", "done")] * 2
    again = api.get(PATH, {"again": records[1].pk}).text
    assert "WITH (ips = &#x27;10.0.0.0/8&#x27;)" in again.partition("</textarea>")[0]


def test_a_first_password_is_not_on_the_page(api: Any, deployment: Deployment) -> None:
    answer = run(api, "SHOW DEPLOYMENT `mark_animal`")
    assert first_password_of(deployment) not in answer.text
    assert "/polardb/mark_animal/password" in answer.text


def test_an_error_is_shown_at_its_place(api: Any, deployment: Deployment) -> None:
    answer = run(api, "SHOW DEPLOYMENTS;\r\n  SHOW <b> `x`;")
    assert answer.status_code == 400
    assert "line 2, column 8" in answer.text
    assert "  SHOW <mark>&lt;</mark>b&gt; `x`;" in answer.text
    assert "deployment_name" not in answer.text, "nothing runs if one cannot be read"
    answer = run(api, "SHOW DEPLOYMENTS; DROP DEPLOYMENT `other`;", HTTP_ACCEPT_LANGUAGE="zh-CN")
    assert "此前的语句已经执行。" in answer.text
    assert "deployment_name" in answer.text
    assert "<mark>" not in answer.text
    answer = run(api, "")
    assert answer.status_code == 400


def test_only_administrators_with_the_pages_token_run_statements(api: Any, deployment: Deployment) -> None:
    deployment.allowed_networks = ["127.0.0.1/32"]
    deployment.save()
    person = signed_in(deployment.user.email, first_password_of(deployment))
    assert run(person, "DROP DEPLOYMENT `mark_animal`").status_code == 403
    api.credentials()
    assert run(api, "DROP DEPLOYMENT `mark_animal`").status_code == 403
    assert Deployment.objects.exists()


@pytest.mark.parametrize("again", ["0", "x", "-1", "9" * 40, "²"])
def test_a_record_that_is_not_there_is_an_empty_box(again: str, api: Any) -> None:
    assert api.get(PATH, {"again": again}).status_code == 200
