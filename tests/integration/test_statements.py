"""Statements from a shell and over HTTP: what they do, what they answer, what is recorded."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from rest_framework.test import APIClient

from polardb_bridge.deployments.audit import LONGEST_STATEMENT, Actor
from polardb_bridge.deployments.execute import execute
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.deployments.statements import EXISTING_ANNOTATIONS, IMAGE_DELIVERIES, StatementError
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync import run_sync
from support.deployments import import_storage_of
from support.sessions import signed_in
from support.source_data import TABLE, Source, region, url_of

DEPLOY = (
    "/*polar4ai*/DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = '1', annotation_source = "
    "'polardb4ai_annotation_source_animal', deployment_name = 'mark_animal');"
)
DOCUMENTED = f"""{DEPLOY}
/*polar4ai*/SHOW DEPLOYMENT `mark_animal`;   /*polar4ai*/SHOW DEPLOYMENTS;
/*polar4ai*/UPDATE WHITEIPS `model_mark_animal` WITH (ips='118.178.1.2,192.168.100.0/24');
/*polar4ai*/SHOW WHITEIPS `model_mark_animal`;
/*polar4ai*/DROP DEPLOYMENT `mark_animal`;
"""
COLUMNS = (
    *("deployment_name", "status", "request_path", "username", "password", "white_ip_name", "annotation_source"),
    *("annotation_template_id", "tasks", "annotated", "pending_writebacks", "created_at"),
)
ADDRESS = "203.0.113.7"


@pytest.fixture(autouse=True)
def configured(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements act on the tables of `source`."""
    monkeypatch.setenv("POLARDB_URL", url_of(source.parameters))


@pytest.fixture
def actor(user: Any) -> Actor:
    return Actor(user, ADDRESS, "api")


@pytest.fixture
def shell(db: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command; its exit code, what it printed, and what it complained about."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            call_command("polar4ai", *arguments)
        except SystemExit as stopped:
            return (int(stopped.code or 0), *capsys.readouterr())
        return (0, *capsys.readouterr())

    return run


def records() -> list[tuple[str, str]]:
    return list(StatementRecord.objects.order_by("pk").values_list("statement", "outcome"))


def row_of(answer: Any) -> dict[str, Any]:
    [row] = answer.rows
    return dict(zip(answer.columns, row, strict=True))


def sync_deployed() -> Deployment:
    """Do the sync of the only deployment, as a serving process does; the deployment."""
    deployment: Deployment = Deployment.objects.get()
    run_sync(import_storage_of(deployment))
    return deployment


@pytest.mark.django_db(transaction=True)
def test_the_documented_statements_run_in_order(source: Source, actor: Actor) -> None:
    source.add_images(2)
    deploy, _, others = DOCUMENTED.partition("\n")
    [made] = execute(deploy, actor)
    sync_deployed()
    shown, listed, opened, white, dropped = execute(others, actor)
    assert made.columns == opened.columns == dropped.columns == ()
    assert "closed to everybody" in made.message
    assert shown == listed
    assert shown.columns == COLUMNS
    row = row_of(shown)
    assert (row["deployment_name"], row["tasks"], row["annotation_source"]) == ("mark_animal", 2, TABLE)
    assert opened.message == "Deployment mark_animal is open to 118.178.1.2,192.168.100.0/24."
    assert row_of(white) == {"white_ip_name": "model_mark_animal", "ips": "118.178.1.2,192.168.100.0/24"}
    assert "is dropped" in dropped.message
    assert not Deployment.objects.exists()
    assert source.row(1)["original_name"] == "photo-0.png"
    assert [outcome for _, outcome in records()] == ["done"] * 6


@pytest.mark.django_db(transaction=True)
def test_what_is_labeled_survives_the_statements(source: Source, actor: Actor) -> None:
    source.add_images(1)
    execute(DEPLOY, actor)
    deployment = sync_deployed()
    task = deployment.project.tasks.get()
    task.annotations.create(project=deployment.project, completed_by=deployment.user, result=[region()])
    execute("DROP DEPLOYMENT mark_animal", actor)
    assert source.row(1)["annotation_data"] == [region()]
    execute(DEPLOY, actor)
    sync_deployed()
    [shown] = execute("SHOW DEPLOYMENT MARK_ANIMAL", actor)
    assert (row_of(shown)["tasks"], row_of(shown)["annotated"]) == (1, 1)


def test_all_options_reach_the_project(source: Source, actor: Actor) -> None:
    execute(
        "DEPLOY MODEL 'label-studio' WITH (title='动物：“第一批”', existing_annotations='predictions', "
        f"image_delivery='link', annotation_source=`{TABLE}`, annotation_template_id='animals')",
        actor,
    )
    deployment = Deployment.objects.get()
    storage = import_storage_of(deployment)
    assert (deployment.name, deployment.template_id) == ("label-studio", "animals")
    assert deployment.project.title == "动物：“第一批”"
    assert (storage.image_delivery, storage.existing_annotations) == ("link", "predictions")
    assert sorted(PolarDBImportStorage.ImageDelivery.values) == sorted(IMAGE_DELIVERIES)
    assert sorted(PolarDBImportStorage.ExistingAnnotations.values) == sorted(EXISTING_ANNOTATIONS)


def test_an_allow_list_has_two_names(source: Source, actor: Actor) -> None:
    execute(DEPLOY, actor)
    source.execute(f"CREATE TABLE second LIKE {TABLE}")
    execute(DEPLOY.replace(TABLE, "second").replace("mark_animal", "model_mark_animal"), actor)
    execute("UPDATE WHITEIPS model_mark_animal WITH (ips='10.0.0.1')", actor)
    execute("UPDATE WHITEIPS MODEL_model_mark_animal WITH (ips='10.0.0.2')", actor)
    lists = dict(Deployment.objects.values_list("name", "allowed_networks"))
    assert lists == {"mark_animal": ["10.0.0.1/32"], "model_mark_animal": ["10.0.0.2/32"]}
    [shown] = execute("SHOW WHITEIPS `mark_animal`", actor)
    assert row_of(shown) == {"white_ip_name": "model_mark_animal", "ips": "10.0.0.1"}
    execute("DROP DEPLOYMENT mark_animal", actor)
    with pytest.raises(StatementError, match="1305"):
        execute("SHOW WHITEIPS `mark_animal`", actor)


@pytest.mark.parametrize(
    ("ips", "networks", "message"),
    [
        ("", [], "is open to nobody."),
        (" ::1 ,2001:DB8::/32", ["::1/128", "2001:db8::/32"], "is open to ::1,2001:db8::/32."),
        ("0.0.0.0/0", ["0.0.0.0/0"], "is open to 0.0.0.0/0. Warning: that lets in the whole Internet."),
    ],
)
def test_updating_an_allow_list_says_who_gets_in(
    source: Source, actor: Actor, ips: str, networks: list[str], message: str
) -> None:
    execute(DEPLOY, actor)
    [answer] = execute(f"UPDATE WHITEIPS mark_animal WITH (ips='{ips}')", actor)
    assert Deployment.objects.get().allowed_networks == networks
    assert answer.message == f"Deployment mark_animal {message}"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (DEPLOY, r"1304 \(42000\): There is a deployment 'mark_animal' already"),
        (
            DEPLOY.replace("mark_animal", "other"),
            r"1304 \(42000\): The table \w+ is labeled in .* 'mark_animal' already",
        ),
        ("SHOW DEPLOYMENT other", r"1305 \(42000\): There is no deployment 'other'"),
        ("DROP DEPLOYMENT other", r"1305 \(42000\): There is no deployment 'other'"),
        ("SHOW WHITEIPS model_other", r"1305 \(42000\): There is no allow-list 'model_other'. SHOW DEPLOYMENTS"),
        ("UPDATE WHITEIPS other WITH (ips='')", r"1305 \(42000\): There is no allow-list 'other'"),
        (
            "UPDATE WHITEIPS mark_animal WITH (ips='10.0.0.1，10.0.0.2')",
            r"1210 \(HY000\): Incorrect arguments to UPDATE WHITEIPS: '10.0.0.1，10.0.0.2' is no IP address",
        ),
        (
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id=9, annotation_source='second')",
            r"1210 \(HY000\): Incorrect arguments to DEPLOY MODEL: There is no template '9'",
        ),
        (
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id=1, annotation_source='missing')",
            r"There is no table 'missing'",
        ),
        (
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id=1, annotation_source='second', title='ab')",
            r"1210 \(HY000\): Incorrect arguments to DEPLOY MODEL: The title 'ab' does not have 3 to 50 characters",
        ),
        (
            "DEPLOY MODEL `yolo` WITH (annotation_template_id=1, annotation_source='second')",
            r"1305 \(42000\): There is no model 'yolo' to deploy, only Label-Studio",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_recorded_and_changes_nothing(
    source: Source, actor: Actor, statement: str, message: str
) -> None:
    execute(DEPLOY, actor)
    source.execute(f"CREATE TABLE second LIKE {TABLE}")
    before = list(Deployment.objects.values())
    with pytest.raises(StatementError, match=f"^ERROR .*{message}") as found:
        execute(statement, actor)
    assert list(Deployment.objects.values()) == before
    record = StatementRecord.objects.latest("pk")
    assert record.outcome in ("refused", "failed")
    assert record.error == str(found.value)


def test_a_database_that_is_down_or_not_named_is_no_fault_of_the_statement(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARDB_URL", "mysql://root@127.0.0.1:1/animals")
    with pytest.raises(StatementError, match=r"^ERROR 1105 \(HY000\): 127.0.0.1 refuses connections on port 1"):
        execute(DEPLOY, actor)
    monkeypatch.delenv("POLARDB_URL")
    with pytest.raises(StatementError, match=r"^ERROR 1105 \(HY000\): Set POLARDB_URL"):
        execute(DEPLOY, actor)
    assert [outcome for _, outcome in records()] == ["failed", "failed"]


def test_several_statements_stop_at_the_first_that_fails(actor: Actor) -> None:
    seen: list[Any] = []
    with pytest.raises(StatementError, match="1305") as found:
        execute(f"{DEPLOY} SHOW DEPLOYMENT cars; DROP DEPLOYMENT mark_animal", actor, seen.append)
    assert (found.value.number, found.value.ran, len(seen)) == (2, 1, 1)
    assert Deployment.objects.count() == 1
    assert [outcome for _, outcome in records()] == ["done", "refused"]


def test_nothing_runs_where_one_cannot_be_read(actor: Actor) -> None:
    with pytest.raises(StatementError, match="line 1 column") as found:
        execute(f"{DEPLOY} DROP mark_animal", actor)
    assert (found.value.number, found.value.ran) == (2, 0)
    assert not Deployment.objects.exists()
    assert records() == [(f"{DEPLOY} DROP mark_animal", "refused")]


def test_a_record_says_who_what_when_from_where_and_how(
    user: Any, actor: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    execute("show  deployments /* all of them */", actor)
    record = StatementRecord.objects.get()
    assert (record.user, record.user_name, record.address, record.via) == (user, user.email, ADDRESS, "api")
    assert (record.statement, record.outcome, record.error) == ("SHOW DEPLOYMENTS", "done", "")
    [logged] = [entry for entry in caplog.records if entry.name == "polardb_bridge.deployments.audit"]
    assert logged.getMessage() == f"{user.email} from {ADDRESS} via api: done: SHOW DEPLOYMENTS"
    assert logging.getLogger(logged.name).getEffectiveLevel() == logging.INFO
    user.delete()
    record.refresh_from_db()
    assert (record.user, record.user_name) == (None, "admin@example.com")


def test_no_record_and_no_log_holds_a_password(actor: Actor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    execute(DEPLOY, actor)
    [shown] = execute("SHOW DEPLOYMENT mark_animal", actor)
    with pytest.raises(StatementError) as found:
        execute("ALTER DEPLOYMENT x WITH (title='t', password = 'hunter2')", actor)
    with pytest.raises(StatementError) as unknown:
        execute("DEPLOY MODEL x WITH (Secret_Key \"hunter2\", title='t')", actor)
    stored = json.dumps(list(StatementRecord.objects.values("statement", "error")))
    assert stored.count("***") >= 2
    for secret in (row_of(shown)["password"], "hunter2"):
        assert len(secret) > 5
        assert secret not in stored + caplog.text + str(found.value) + str(unknown.value)


def test_a_record_takes_what_a_database_cannot(actor: Actor) -> None:
    hostile = "SHOW\0 \ud800\n\r\x1b[31m" + "x" * 100_000
    with pytest.raises(StatementError):
        execute(hostile, actor)
    record = StatementRecord.objects.get()
    assert record.statement.startswith("SHOW\\x00 \\ud800\\n\\r\\x1b[31mxxx")
    assert record.statement.isprintable()
    assert LONGEST_STATEMENT < len(record.statement) < LONGEST_STATEMENT + 100


def test_a_deploy_that_breaks_off_is_recorded_and_leaves_nothing(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile = []

    def full(choices: Any) -> None:
        meanwhile.extend(StatementRecord.objects.values_list("outcome", "error"))
        raise OSError("no randomness left")

    monkeypatch.setattr("secrets.choice", full)
    with pytest.raises(OSError, match="no randomness"):
        execute(DEPLOY, actor)
    assert meanwhile == [("failed", "The process ended before the statement did.")], "what a killed process leaves"
    record = StatementRecord.objects.get()
    assert (record.outcome, record.error) == ("failed", "OSError, see the log")
    assert not Deployment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_deploy_that_is_rolled_back_is_recorded(source: Source, actor: Actor) -> None:
    """The second of two deploys of one name at once fails in its transaction; both are in the record."""
    barrier = threading.Barrier(2)
    outcomes: list[Any] = []

    def deploy() -> None:
        barrier.wait()
        try:
            outcomes.append(execute(DEPLOY, actor)[0].message)
        except StatementError as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=deploy) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [refused] = [outcome for outcome in outcomes if isinstance(outcome, StatementError)]
    assert (len(outcomes), refused.code) == (2, 1304)
    assert Deployment.objects.count() == 1
    assert sorted(outcome for _, outcome in records()) == ["done", "refused"]


# --- manage.py polar4ai


def test_the_shell_shows_tables_as_the_mysql_client_does(
    source: Source, shell: Callable[..., tuple[int, str, str]]
) -> None:
    assert shell("SHOW DEPLOYMENTS") == (0, "Empty set\n", "")
    code, output, _ = shell(f"{DEPLOY} UPDATE WHITEIPS mark_animal WITH (ips='10.0.0.1'); SHOW WHITEIPS mark_animal")
    assert code == 0
    assert output.splitlines()[1:] == [
        "Deployment mark_animal is open to 10.0.0.1.",
        "+-------------------+----------+",
        "| white_ip_name     | ips      |",
        "+-------------------+----------+",
        "| model_mark_animal | 10.0.0.1 |",
        "+-------------------+----------+",
        "1 row in set",
    ]
    for arguments in (["SHOW WHITEIPS mark_animal\\G"], ["SHOW WHITEIPS mark_animal;", "--vertical"]):
        assert shell(*arguments)[1].splitlines() == [
            "*************************** 1. row ***************************",
            "white_ip_name: model_mark_animal",
            "          ips: 10.0.0.1",
            "1 row in set",
        ]
    assert {record.via for record in StatementRecord.objects.all()} == {"command"}
    assert StatementRecord.objects.latest("pk").user_name


def test_the_shell_reads_files_and_standard_input(
    source: Source, shell: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "deploy.sql"
    script.write_bytes(b"\xef\xbb\xbf-- \xe5\x8a\xa8\xe7\x89\xa9\r\n" + DOCUMENTED.replace("\n", "\r\n").encode())
    code, output, complaint = shell("--file", str(script), "--json")
    assert (code, complaint) == (0, "")
    results = json.loads(output)["results"]
    assert len(results) == 6
    assert results[1]["columns"] == list(COLUMNS)
    assert len(results[1]["rows"][0][COLUMNS.index("password")]) == 20
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SHOW DEPLOYMENTS;\n")))
    assert (
        shell("--json")[1]
        == '{"results": [{"columns": ["deployment_name", '
        + shell("SHOW DEPLOYMENTS", "--json")[1].partition('"deployment_name", ')[2]
    )
    script.write_bytes("SHOW DEPLOYMENTS".encode("utf-16"))
    with pytest.raises(CommandError, match="not text in UTF-8: byte 1"):
        shell("--file", str(script))
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        shell("--file", str(tmp_path / "missing.sql"))


def test_the_shell_fails_with_the_error_and_says_what_ran(
    source: Source, shell: Callable[..., tuple[int, str, str]]
) -> None:
    assert shell("DEPLOY MODEL ab WIT (a=1)") == (
        1,
        "",
        "ERROR 1064 (42000): You have an error in your SQL syntax near 'WIT (a=1)', line 1 column 17: expected WITH\n",
    )
    code, output, complaint = shell("SHOW DEPLOYMENTS; SHOW DEPLOYMENT cars; SHOW DEPLOYMENTS")
    assert (code, output) == (1, "Empty set\n")
    assert complaint.startswith("ERROR 1305 (42000): There is no deployment 'cars'.")
    assert complaint.endswith("\nIt is statement 2; 1 of those before it was run.\n")
    code, output, complaint = shell("SHOW DEPLOYMENTS; SHOW TABLES", "--json")
    assert code == 1
    assert complaint.endswith("\nIt is statement 2; none of those before it were run.\n")
    answer = json.loads(output)
    assert answer["message"] in complaint
    assert {name: answer[name] for name in ("code", "sqlstate", "line", "column", "statement", "results")} == {
        "code": 1064, "sqlstate": "42000", "line": 1, "column": 24, "statement": 2, "results": [],
    }  # fmt: skip


def test_help_teaches_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("polar4ai", "--help")
    assert 'Example: polar4ai "SHOW DEPLOYMENTS"' in " ".join(capsys.readouterr().out.split())


# --- POST /api/polardb/statements

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
    assert set(StatementRecord.objects.values_list("user", "user_name", "address", "via")) == {
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
        assert answer.json()["detail"] == "Only administrators run statements."
    assert Deployment.objects.count() == 1
    assert len(records()) == 3, "those of the administrator"


def test_tokens_sign_in_without_csrf(source: Source, user: Any) -> None:
    from jwt_auth.models import LSAPIToken

    client = APIClient(enforce_csrf_checks=True)
    user.active_organization.jwt.legacy_api_tokens_enabled = True
    user.active_organization.jwt.save()
    access = LSAPIToken.for_user(user).access_token
    for header in (f"Token {user.auth_token.key}", f"Bearer {access}"):
        assert post(client, "SHOW DEPLOYMENTS", HTTP_AUTHORIZATION=header).status_code == 200
    user.is_superuser = False
    user.save()
    for header in (f"Token {user.auth_token.key}", f"Bearer {access}"):
        assert post(client, "SHOW DEPLOYMENTS", HTTP_AUTHORIZATION=header).status_code == 403
    assert len(records()) == 2


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
