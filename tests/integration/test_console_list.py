"""The operator's list: what it finds, in which order, how each deployment stands, and the buttons of its lines."""

from __future__ import annotations

import re
import socket
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from organizations.models import Organization
from projects.models import Project
from pytest_django import DjangoAssertNumQueries
from tasks.models import Task
from users.models import User

from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.deployments.status import DeploymentState, status_of
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.webhooks.models import PendingWriteback, WritebackState
from support.deployments import export_storage_of, first_password_of, import_storage_of
from support.sessions import signed_in
from support.source_data import TABLE, Source, url_of

MANY = 500
LABELING_CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="cat"/><Label value="dog"/></RectangleLabels></View>"""


@pytest.fixture
def operator(user: Any, source: Source, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("POLARDB_URL", url_of(source.parameters))
    return signed_in(user.email, "correct-horse-9")


def make_many(count: int) -> None:
    """Deployments as they are once they are synced, half annotated; no statement is run, and no table is there."""
    now = timezone.now()
    users = User.objects.bulk_create(
        User(email=f"d{n:03}@deployments.local", username=f"d{n:03}") for n in range(count)
    )
    organizations = Organization.objects.bulk_create(Organization(title=u.username, created_by=u) for u in users)
    projects = Project.objects.bulk_create(
        Project(title=u.username, organization=o, created_by=u, label_config=LABELING_CONFIG)
        for u, o in zip(users, organizations, strict=True)
    )
    address = {"host": "127.0.0.1", "database": "shop", "user": "root", "password": "secret"}
    PolarDBImportStorage.objects.bulk_create(
        PolarDBImportStorage(
            project=project,
            table=project.title,
            status="completed",
            last_sync=now,
            owned_table=project.title,
            **address,
        )
        for project in projects
    )
    PolarDBExportStorage.objects.bulk_create(
        PolarDBExportStorage(project=project, table=project.title, owned_table=project.title, **address)
        for project in projects
    )
    Deployment.objects.bulk_create(
        Deployment(
            name=u.username, user=u, organization=o, project=p, source=f"table_{u.username}", template_id="1",
            table_address=u.username, table_identity=u.username, first_password="first-password-1",
            first_password_hash=u.password,
        )
        for u, o, p in zip(users, organizations, projects, strict=True)
    )  # fmt: skip
    Task.objects.bulk_create(
        (Task(project=p, data={"image": "a.jpg"}, total_annotations=n % 2) for p in projects for n in range(20)),
        batch_size=1000,
    )


def names_in(page: str) -> list[str]:
    return re.findall(r'<article id="([^"]+)"', page)


def test_many_deployments_are_searched_sorted_and_paged(operator: Any) -> None:
    make_many(60)
    Deployment.objects.filter(name="d007").update(allowed_networks=["10.0.0.0/8"])
    PolarDBImportStorage.objects.filter(project__title="d042").update(status="failed", traceback="The server is down.")
    page = operator.get("/polardb/").text
    assert names_in(page) == [f"d{n:03}" for n in range(25)]
    assert "1 to 25 of 60" in page
    assert names_in(operator.get("/polardb/?page=3").text) == [f"d{n:03}" for n in range(50, 60)]
    assert names_in(operator.get("/polardb/?page=99").text)[-1] == "d059", "the last page, not an error"
    assert names_in(operator.get("/polardb/?q=TABLE_D05").text) == [f"d{n:03}" for n in range(50, 60)]
    assert names_in(operator.get("/polardb/?sort=state").text)[0] == "d042"
    assert names_in(operator.get("/polardb/?sort=newest").text)[0] == "d059"
    assert names_in(operator.get("/polardb/?state=serving").text) == ["d007"]
    assert "Closed (58)" in page
    assert "The server is down." in operator.get("/polardb/?state=failed").text
    assert "No deployment is like this." in operator.get("/polardb/?q=<script>").text
    assert "<script>" not in operator.get("/polardb/?q=<script>&state=closed&sort=x&page=y").text.partition("<main>")[2]


def test_five_hundred_deployments_are_shown_soon(
    operator: Any, user: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_many(MANY)
    operator.get("/polardb/")
    # A second is what people are promised (bench); a busy machine is given more.
    began = time.perf_counter()
    with django_assert_max_num_queries(25):
        page = operator.get("/polardb/").text
    took_page = time.perf_counter() - began
    assert len(names_in(page)) == 25
    began = time.perf_counter()
    [answer] = execute("SHOW DEPLOYMENTS", Actor(user, None, "api"))
    took_statement = time.perf_counter() - began
    print(f"{MANY} deployments: page {took_page:.2f} s, SHOW DEPLOYMENTS {took_statement:.2f} s")  # noqa: T201
    assert len(answer.rows) == MANY
    assert max(took_page, took_statement) < 10


def test_a_database_that_never_answers_keeps_nobody_waiting(
    operator: Any, user: Any, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("POLARDB_URL", f"mysql://root@127.0.0.1:{port}/labeling")
        PolarDBImportStorage.objects.update(port=port)
        PolarDBExportStorage.objects.update(port=port)
        times = []
        for ask in (lambda: operator.get("/polardb/").text, lambda: execute("SHOW DEPLOYMENTS", Actor(user, None, ""))):
            began = time.perf_counter()
            assert "mark_animal" in str(ask())
            times.append(time.perf_counter() - began)
        began = time.perf_counter()
        assert "The database cannot be read:" in operator.get("/polardb/deploy").text
        print(f"silent database: {times[0]:.2f} s, {times[1]:.2f} s; form {time.perf_counter() - began:.2f} s")  # noqa: T201
    assert max(times) < 2


def test_a_deployment_that_nobody_may_use_is_closed_on_the_page_only(operator: Any, deployment: Deployment) -> None:
    Deployment.objects.update(allowed_networks=[])
    assert 'class="state closed">Closed' in operator.get("/polardb/").text
    assert status_of(Deployment.objects.get()).state is DeploymentState.SERVING


def test_write_backs_that_are_late_degrade_a_deployment(operator: Any, deployment: Deployment) -> None:
    storage, task = export_storage_of(deployment), deployment.project.tasks.first()
    PendingWriteback.objects.create(storage=storage, task=task)
    assert status_of(deployment).state is DeploymentState.SERVING
    PendingWriteback.objects.update(dirty_since=timezone.now() - timedelta(minutes=6))
    assert status_of(deployment).reason == "write-back is late: results have waited for more than 5 minutes"
    WritebackState.objects.create(
        storage=storage, last_error="db:3306 refuses connections on port 3306: check the port."
    )
    status = status_of(deployment)
    assert (status.state, status.pending_writebacks) == (DeploymentState.DEGRADED, 1)
    assert status.reason == "write-back is late: db:3306 refuses connections on port 3306: check the port."
    page = operator.get("/polardb/").text
    assert "Write-back is late: db:3306 refuses connections" in page
    assert "写回延迟： db:3306" in operator.get("/polardb/?language=zh-hans").text
    PendingWriteback.objects.update(parked_reason="a trigger refused it")
    assert "late" not in status_of(deployment).reason, "what a row refuses is told of as that"


def test_my_address_is_added_to_the_others(operator: Any, deployment: Deployment) -> None:
    Deployment.objects.update(allowed_networks=["10.0.0.0/8"])
    assert "Add my address" in operator.get("/polardb/").text
    answer = operator.post("/polardb/mark_animal/own-address", {"back": "q=mark&sort=state"}, format="multipart")
    assert answer["Location"] == "/polardb/?q=mark&sort=state#mark_animal"
    assert Deployment.objects.get().allowed_networks == ["10.0.0.0/8", "127.0.0.1/32"]
    assert "Add my address" not in operator.get("/polardb/").text
    assert StatementRecord.objects.get().statement.startswith("UPDATE WHITEIPS `model_mark_animal`")


def test_addresses_that_another_person_has_changed_are_not_undone(operator: Any, deployment: Deployment) -> None:
    form = {"networks": "192.168.0.0/16", "before": "127.0.0.1/32"}
    Deployment.objects.update(allowed_networks=["10.0.0.0/8"])
    answer = operator.post("/polardb/mark_animal/allow-list", form, format="multipart")
    assert answer.status_code == 400
    assert "were changed meanwhile, to 10.0.0.0/8" in answer.text
    assert ">192.168.0.0/16</textarea>" in answer.text
    assert Deployment.objects.get().allowed_networks == ["10.0.0.0/8"]
    [before] = re.findall(r'name="before" value="([^"]*)"', answer.text)
    operator.post("/polardb/mark_animal/allow-list", {**form, "before": before}, format="multipart")
    assert Deployment.objects.get().allowed_networks == ["192.168.0.0/16"]


def test_sync_is_asked_for_and_what_rows_refused_is_tried_again(operator: Any, deployment: Deployment) -> None:
    storage, task = export_storage_of(deployment), deployment.project.tasks.first()
    PendingWriteback.objects.create(storage=storage, task=task, parked_reason="a trigger refused it")
    answer = operator.post("/polardb/mark_animal/sync", {}, format="multipart", follow=True)
    assert "mark_animal is being synced." in answer.text
    assert import_storage_of(deployment).status == "queued"
    assert PendingWriteback.objects.get().parked_reason == ""
    record = StatementRecord.objects.get()
    assert (record.statement, record.outcome, record.via) == ("-- sync mark_animal", "done", "console")
    answer = operator.post("/polardb/mark_animal/sync", {}, format="multipart", follow=True)
    assert "mark_animal is being synced already." in answer.text
    answer = operator.post("/polardb/nobody/sync", {}, format="multipart", follow=True)
    assert "There is no deployment &#x27;nobody&#x27;." in answer.text


def test_a_forgotten_password_is_reset_by_whoever_types_their_own(operator: Any, deployment: Deployment) -> None:
    deployment.user.set_password("forgotten-9")
    deployment.user.save()
    browser = signed_in(deployment.user.email, "forgotten-9")
    assert browser.get("/api/projects").status_code == 200
    path = "/polardb/mark_animal/password"
    shown = operator.post(path, {"own": "correct-horse-9"}, format="multipart").text
    assert "nobody can read the new one" in shown
    wrong = operator.post(path, {"own": "guess", "action": "reset"}, format="multipart")
    assert wrong.status_code == 403
    assert Deployment.objects.get().reveal_password() is None
    shown = operator.post(path, {"own": "correct-horse-9", "action": "reset"}, format="multipart").text
    password = first_password_of(Deployment.objects.get())
    assert f"<code>{password}</code>" in shown
    assert browser.get("/api/projects").status_code == 401, "the session of the forgotten password has ended"
    assert signed_in(deployment.user.email, password).get("/api/projects").status_code == 200
    statements = StatementRecord.objects.order_by("pk").values_list("statement", flat=True)
    assert "-- reset password mark_animal" in statements
    assert not any(password in statement for statement in statements)


def test_messages_name_the_next_click(operator: Any, source: Source) -> None:
    deploy(DeployModel("Label-Studio", "other", "1", TABLE), source.parameters)
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    form = {"template": "1", "source": "cars", "name": "cars", "title": "", "image_delivery": "auto"}
    answer = operator.post(
        "/polardb/deploy", {**form, "existing_annotations": "ignore"}, format="multipart", follow=True
    )
    said = re.findall(r'<p class="message (\w+)"[^>]*>([^<]*)<', answer.text)
    assert said[0][0] == "success"
    assert "Press “Add my address”" in said[0][1]
    assert "WHITEIPS" not in said[0][1]
    assert {level for level, text in said if "no default" in text} == {"warning"}
    assert names_in(answer.text) == ["cars"], "the new one is shown"
    answer = operator.post("/polardb/cars/allow-list", {"networks": "0.0.0.0/0"}, format="multipart", follow=True)
    assert '<p class="message warning"' in answer.text
