"""Statements over HTTP: `POST /api/polardb/statements`."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.deployments.models import Deployment, StatementRecord
from support.sessions import signed_in
from support.source_data import Source
from support.statements import COLUMNS, DEPLOY, DOCUMENTED, records, row_of

pytestmark = pytest.mark.usefixtures("commands_database")


URL = "/api/polardb/statements"


def post(client: Any, statement: Any, **headers: str) -> Any:
    return client.post(URL, {"statement": statement}, format="json", **headers)


def test_an_administrator_runs_statements_over_http(source: Source, api: Any, user: Any) -> None:
    answer = post(api, DOCUMENTED)
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    made, shown, *_ = answer.json()["results"]
    assert (made["columns"], made["rows"]) == ([], [])
    assert shown["columns"] == list(COLUMNS)
    assert shown["rows"][0][0] == "mark_animal"
    assert set(StatementRecord.objects.values_list("user", "user_name", "client_ip", "via")) == {
        (user.pk, user.email, "127.0.0.1", "api")
    }


def test_a_failure_over_http_has_its_parts(api: Any) -> None:
    answer = post(api, "SHOW DEPLOYMENTS;\nSHOW DEPLOYMENT cars")
    assert answer.status_code == 400
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {
        "code": 1305,
        "sqlstate": "42000",
        "message": "There is no deployment 'cars'. SHOW DEPLOYMENTS lists them.",
        "line": None,
        "column": None,
        "statement": 2,
        "results": [{"columns": list(COLUMNS), "rows": [], "message": ""}],
    }
    syntax = post(api, "SHOW\nDEPLOY").json()
    assert (syntax["code"], syntax["line"], syntax["column"]) == (1064, 2, 1)
    assert post(api, "").json()["code"] == 1065


@pytest.mark.parametrize("body", [{}, {"statement": None}, {"statement": ["SHOW"]}, {"statement": "SHOW\0"}, [], "x"])
def test_a_body_of_another_form_is_refused(api: Any, body: Any) -> None:
    answer = api.post(URL, body, format="json")
    assert answer.status_code == 400
    assert "validation_errors" in answer.json()


def test_nobody_else_runs_statements(source: Source, api: Any, user: Any) -> None:
    from users.models import User

    worker = User.objects.create_user("worker@example.com", "correct-horse-9")
    user.active_organization.add_user(worker)
    worker.active_organization = user.active_organization
    worker.is_staff = True
    worker.save()
    execute(DEPLOY, Actor(user, None, "api"))
    execute("UPDATE WHITEIPS mark_animal WITH (ips='127.0.0.1')", Actor(user, None, "api"))
    [shown] = execute("SHOW DEPLOYMENT mark_animal", Actor(user, None, "api"))
    client = APIClient()
    assert post(client, "DROP DEPLOYMENT mark_animal").status_code == 401
    assert post(client, "SHOW", HTTP_AUTHORIZATION="Bearer x.y.z").status_code == 401
    tenant = row_of(shown)
    for email, password in ((worker.email, "correct-horse-9"), (tenant["username"], tenant["password"])):
        answer = post(signed_in(email, password), "DROP DEPLOYMENT mark_animal")
        assert answer.status_code == 403
        assert answer.json()["detail"] == "Only administrators may run statements."
    assert Deployment.objects.count() == 1
    assert len(records()) == 3, "those of the administrator"


def test_tokens_sign_in_without_csrf(source: Source, user: Any) -> None:
    from jwt_auth.models import LSAPIToken

    client = APIClient(enforce_csrf_checks=True)
    user.active_organization.jwt.legacy_api_tokens_enabled = True
    user.active_organization.jwt.save()
    access = LSAPIToken.for_user(user).access_token
    for header, status in ((f"Token {user.auth_token.key}", 401), (f"Bearer {access}", 200)):
        assert post(client, "SHOW DEPLOYMENTS", HTTP_AUTHORIZATION=header).status_code == status
    user.is_superuser = False
    user.save()
    for header in (f"Token {user.auth_token.key}", f"Bearer {access}"):
        assert post(client, "SHOW DEPLOYMENTS", HTTP_AUTHORIZATION=header).status_code == 403
    assert len(records()) == 1


def test_another_site_cannot_use_a_session(source: Source, user: Any) -> None:
    """Label Studio itself checks no CSRF token in its API."""
    client = signed_in(user.email, "correct-horse-9")
    client.credentials()
    refused = post(client, "SHOW DEPLOYMENTS")
    assert (refused.status_code, "CSRF" in refused.json()["detail"]) == (403, True)
    token = {"HTTP_X_CSRFTOKEN": client.cookies["csrftoken"].value}
    assert client.post(URL, {"statement": "SHOW DEPLOYMENTS"}, format="multipart", **token).status_code == 415
    plain = client.post(URL, '{"statement": "SHOW DEPLOYMENTS"}', content_type="text/plain", **token)
    assert plain.status_code == 415
    assert records() == []
    assert post(client, "SHOW DEPLOYMENTS", **token).status_code == 200


def test_the_api_is_documented(api: Any) -> None:
    schema = api.get("/docs/api/schema/?format=json").json()
    described = schema["paths"][URL]["post"]
    assert described["summary"] == "Run statements"
    assert described["tags"] == ["Deployments"]
    assert set(described["responses"]) == {"200", "400", "403"}
    body = described["requestBody"]["content"]
    assert list(body) == ["application/json"]
    failure = schema["components"]["schemas"]["Failure"]["properties"]
    assert {"code", "sqlstate", "message", "line", "column", "statement", "results"} == set(failure)
