"""Deployments: made in one go, described, dropped without losing a result."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from polardb_bridge.deployments import lifecycle
from polardb_bridge.deployments.describe import all_deployments, describe, describe_all
from polardb_bridge.deployments.lifecycle import DeployRequest, deploy, drop, find
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import (
    BridgeError,
    DeploymentExistsError,
    InvalidInputError,
    NoSuchDeploymentError,
    RetryableError,
)
from polardb_bridge.storage.sync import run_sync
from polardb_bridge.webhooks.delivery import deliver_due
from polardb_bridge.webhooks.models import PendingWriteback
from support.deployments import export_storage_of, import_storage_of
from support.sessions import signed_in
from support.source_data import TABLE, Source, region

REQUEST = DeployRequest(name="mark_animal", template_id="1", source=TABLE)


@pytest.fixture
def deployment(source: Source, user: Any) -> Deployment:
    """A deployment of three rows, synced."""
    source.add_images(3)
    made = deploy(REQUEST, source.parameters)
    open_here(made)
    run_sync(import_storage_of(made), force=True)
    return made


def open_here(deployment: Deployment) -> None:
    """Let the test client in."""
    deployment.allowed_networks = ["127.0.0.1/32"]
    deployment.save()


def everything() -> dict[str, int]:
    """How many rows each table of Label Studio's database has."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name != "sqlite_sequence"]
        counts = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts


def annotate(task: Any, user: Any) -> Any:
    from tasks.models import Annotation

    return Annotation.objects.create(task=task, project=task.project, completed_by=user, result=[region()])


def test_a_deployment_is_described_in_one_row(deployment: Deployment) -> None:
    row = describe(deployment)
    assert (row.deployment_name, row.status, row.annotation_source) == ("mark_animal", "Serving", TABLE)
    assert row.request_path == "http://localhost:8080/deployments/mark_animal/"
    assert row.username == "mark_animal@deployments.local"
    assert row.white_ip_name == "model_mark_animal"
    assert row.annotation_template_id == "1"
    assert (row.tasks, row.annotated, row.pending_writebacks) == (3, 0, 0)
    assert len(row.password) == 20
    assert deployment.user.check_password(row.password)


def test_the_first_password_is_stored_encrypted_and_forgotten_once_changed(deployment: Deployment) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT first_password FROM polardb_io_storages_deployment")
        assert describe(deployment).password not in cursor.fetchone()[0]
    deployment.user.set_password("my-own-password-1")
    deployment.user.save()
    assert describe(deployment).password == "(changed)"
    assert Deployment.objects.get().first_password is None


def test_a_strengthened_hash_is_not_a_changed_password(deployment: Deployment) -> None:
    password = describe(deployment).password
    deployment.user.set_password(password)  # another salt: as when Django strengthens the hash at a login
    deployment.user.save()
    assert describe(Deployment.objects.get()).password == password


def test_status_tells_progress_and_failure(deployment: Deployment) -> None:
    storage = import_storage_of(deployment)
    type(storage).objects.update(status=storage.Status.IN_PROGRESS, last_sync=None)
    Deployment.objects.update(rows=10)
    deployment.refresh_from_db()
    assert describe(deployment).status == "Deploying 3/10"
    type(storage).objects.update(status=storage.Status.FAILED, traceback="The server is down.")
    assert describe(deployment).status == "Failed: The server is down."
    deployment.project.delete()
    deployment.refresh_from_db()
    assert describe(deployment).status.startswith("Failed: its project was deleted")


def test_many_deployments_take_as_many_queries_as_one(
    deployment: Deployment, source: Source, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        source.execute(f"CREATE TABLE other_{number} LIKE {TABLE}")
        deploy(DeployRequest(f"other_{number}", "1", f"other_{number}"), source.parameters)
    with django_assert_num_queries(4):
        rows = describe_all(all_deployments())
    assert [row.deployment_name for row in rows] == ["mark_animal", "other_0", "other_1", "other_2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "mark animal"}, "deployment name"),
        ({"name": "x" * 65}, "deployment name"),
        ({"template_id": "7"}, "no template '7'"),
        ({"source": "missing"}, "missing"),
        ({"image_delivery": "fax"}, "image_delivery 'fax' is not one of auto, data_uri, link"),
        ({"existing_annotations": "some"}, "existing_annotations 'some'"),
        ({"title": "ab"}, "3 to 50"),
    ],
)
def test_a_bad_request_leaves_nothing(change: dict[str, Any], message: str, source: Source, user: Any) -> None:
    before = everything()
    with pytest.raises(BridgeError, match=message):
        deploy(DeployRequest(**{**vars(REQUEST), **change}), source.parameters)
    assert everything() == before


def test_a_failure_in_the_middle_leaves_nothing(source: Source, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = everything()

    def broken(*args: Any, **options: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(lifecycle, "create_project", broken)
    with pytest.raises(OSError, match="disk full"):
        deploy(REQUEST, source.parameters)
    assert everything() == before


def test_a_new_deployment_is_open_to_nobody(source: Source, user: Any) -> None:
    assert deploy(REQUEST, source.parameters).allowed_networks == []


def test_names_and_tables_are_taken_once(deployment: Deployment, source: Source) -> None:
    with pytest.raises(DeploymentExistsError, match="a deployment 'MARK_animal' already"):
        deploy(DeployRequest("MARK_animal", "1", TABLE), source.parameters)
    with pytest.raises(DeploymentExistsError, match="labeled in the deployment 'mark_animal' already"):
        deploy(DeployRequest("second", "1", TABLE), source.parameters)
    assert find("Mark_Animal") == deployment
    with pytest.raises(NoSuchDeploymentError, match="no deployment 'other'"):
        find("other")


@pytest.mark.parametrize("name", ["a", "-", "x" * 64])
def test_the_shortest_and_longest_names_work(name: str, source: Source, user: Any) -> None:
    deployment = deploy(DeployRequest(name, "1", TABLE), source.parameters)
    assert 3 <= len(deployment.project.title) <= 50


def test_dropping_writes_what_is_pending_and_leaves_rows_and_nothing_else(source: Source, user: Any) -> None:
    source.add_images(3)
    before = everything()
    deployment = deploy(REQUEST, source.parameters)
    run_sync(import_storage_of(deployment), force=True)
    task = deployment.project.tasks.order_by("pk").first()
    annotate(task, deployment.user)
    assert PendingWriteback.objects.count() == 1
    assert drop(deployment) == 0
    assert source.row(1)["annotation_data"] == [region()]
    assert everything() == before


def test_deploying_again_brings_the_annotations_back(deployment: Deployment, source: Source) -> None:
    from tasks.models import Annotation

    annotation = annotate(deployment.project.tasks.order_by("pk").first(), deployment.user)
    drop(deployment)
    row = source.row(1)
    again = deploy(REQUEST, source.parameters)
    run_sync(import_storage_of(again), force=True)
    found = Annotation.objects.get(project=again.project)
    assert (found.result, found.unique_id) == ([region()], annotation.unique_id)
    assert (describe(again).tasks, describe(again).annotated) == (3, 1)
    deliver_due()
    assert source.row(1) == row


def test_a_drop_that_cannot_write_refuses_and_removes_nothing(deployment: Deployment, source: Source) -> None:
    annotate(deployment.project.tasks.first(), deployment.user)
    source.execute(f"RENAME TABLE {TABLE} TO elsewhere")
    with pytest.raises(RetryableError, match=r"1 results of 'mark_animal' are not in their rows yet: .*force='true'"):
        drop(deployment)
    deployment.refresh_from_db()
    assert not deployment.is_dropping
    assert import_storage_of(deployment).synchronizable
    assert deployment.project.tasks.count() == 3
    source.execute(f"RENAME TABLE elsewhere TO {TABLE}")
    assert drop(deployment) == 0
    assert source.row(1)["annotation_data"] == [region()]


def test_a_forced_drop_says_what_it_lost(deployment: Deployment, source: Source) -> None:
    annotate(deployment.project.tasks.first(), deployment.user)
    source.execute(f"RENAME TABLE {TABLE} TO elsewhere")
    assert drop(deployment, force=True) == 1
    assert not Deployment.objects.exists()


def test_an_interrupted_drop_is_completed_by_the_next(
    deployment: Deployment, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything()

    def killed(deployment: Deployment) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(lifecycle, "_remove", killed)
        with pytest.raises(KeyboardInterrupt):
            drop(deployment)
    deployment.refresh_from_db()
    assert describe(deployment).status == "Dropping"
    drop(deployment)
    assert not Deployment.objects.exists()
    assert everything()["htx_user"] == before["htx_user"] - 1


def test_a_sync_under_way_ends_with_the_drop(deployment: Deployment, source: Source) -> None:
    storage = import_storage_of(deployment)
    source.add_images(1)
    lifecycle._close(deployment, closed=True)
    with pytest.raises(InvalidInputError):
        run_sync(storage, force=True)
    assert deployment.project.tasks.count() == 3


def test_what_was_deleted_by_hand_does_not_stop_a_drop(deployment: Deployment) -> None:
    deployment.project.delete()
    deployment.user.delete()
    drop(find("mark_animal"))
    assert not Deployment.objects.exists()


def race(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at once; what each returned or raised."""
    barrier = threading.Barrier(len(calls))
    outcomes = {}

    def run(number: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            outcomes[number] = call()
        except BridgeError as error:
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(outcomes.values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("names", [("mark_animal", "Mark_Animal"), ("first", "second")], ids=["name", "table"])
def test_of_two_deploys_at_once_one_is_made(names: tuple[str, ...], source: Source, user: Any) -> None:
    outcomes = race(*(lambda name=name: deploy(DeployRequest(name, "1", TABLE), source.parameters) for name in names))
    made = [outcome for outcome in outcomes if isinstance(outcome, Deployment)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, DeploymentExistsError)]
    assert (len(made), len(refused)) == (1, 1), outcomes
    assert Deployment.objects.count() == 1
    assert made[0].organization.users.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_drops_at_once_both_end(source: Source, user: Any) -> None:
    source.add_images(3)
    deployment = deploy(REQUEST, source.parameters)
    run_sync(import_storage_of(deployment))
    annotate(deployment.project.tasks.first(), deployment.user)
    outcomes = race(lambda: drop(find("mark_animal")), lambda: drop(find("mark_animal")))
    assert 0 in outcomes
    assert all(outcome == 0 or isinstance(outcome, NoSuchDeploymentError) for outcome in outcomes), outcomes
    assert not Deployment.objects.exists()
    assert source.row(1)["annotation_data"] == [region()]


def test_the_address_shows_the_login_and_lands_on_the_project(deployment: Deployment) -> None:
    Deployment.objects.update(allowed_networks=["127.0.0.1/32"])
    browser = Client()
    page = browser.get("/deployments/mark_animal/")
    assert page.status_code == 200
    assert 'value="mark_animal@deployments.local"' in page.text
    target = f"/projects/{deployment.project_id}/data/"
    assert f"?next={target}" in page.text
    answer = browser.post(
        f"/user/login/?next={target}",
        {
            "email": "mark_animal@deployments.local",
            "password": describe(deployment).password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"].value,
        },
    )
    assert (answer.status_code, answer["Location"]) == (302, target)
    assert browser.get("/deployments/MARK_ANIMAL/")["Location"] == target
    assert browser.get(target).status_code == 200


def test_the_address_of_another_deployment_asks_for_its_own_login(deployment: Deployment, source: Source) -> None:
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    cars = deploy(DeployRequest("cars", "1", "cars"), source.parameters)
    open_here(cars)
    browser = signed_in(cars.user.email, describe(cars).password)
    assert browser.get("/api/current-user/whoami").status_code == 200
    assert "mark_animal@deployments.local" in browser.get("/deployments/mark_animal/").text
    assert browser.get("/api/current-user/whoami").status_code == 401


def test_an_unknown_address_is_not_found(deployment: Deployment) -> None:
    browser = Client()
    assert browser.get("/deployments/other/").status_code == 404
    drop(deployment)
    assert browser.get("/deployments/mark_animal/").status_code == 404


def test_an_administrator_made_by_a_command_can_log_in(db: None, client: Client) -> None:
    """Although the only organization is the one of a deployment, which nobody joins."""
    from core.urls import urlpatterns  # noqa: F401
    from organizations.models import Organization
    from users.models import User

    owner = User.objects.create_user("owner@example.com", "correct-horse-9")
    tenant = Organization.create_organization(created_by=owner, title="tenant")
    Deployment.objects.create(name="tenant", template_id="1", source="t", address="t", organization=tenant, user=owner)
    administrator = User.objects.create_superuser("admin@example.com", "correct-horse-9")
    client.get("/user/login/")
    answer = client.post(
        "/user/login/",
        {
            "email": "admin@example.com",
            "password": "correct-horse-9",
            "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
        },
    )
    assert answer.status_code == 302
    administrator.refresh_from_db()
    assert administrator.active_organization not in (None, tenant)


def test_a_deployments_user_cannot_point_its_storages_at_other_tables(
    deployment: Deployment, source: Source, api: Any
) -> None:
    """The stored account may read all of them."""
    source.execute(f"CREATE TABLE secrets LIKE {TABLE}")
    tenant = signed_in(deployment.user.email, describe(deployment).password)
    for path, storage in (("", import_storage_of(deployment)), ("export/", export_storage_of(deployment))):
        address = f"/api/storages/{path}polardb/{storage.pk}"
        assert tenant.get(address).status_code == 200
        body = {"id": storage.pk, "project": deployment.project_id, "table": "secrets"}
        body |= {name: getattr(storage, name) for name in ("title", "host", "port", "database", "user", "tls")}
        assert tenant.patch(address, {"table": "secrets"}).status_code == 403
        assert tenant.put(address, body).status_code == 403
        assert tenant.delete(address).status_code == 403
        assert tenant.post(f"/api/storages/{path}polardb/validate", body).status_code == 403
        storage.refresh_from_db()
        assert storage.table == TABLE
    storage_id = import_storage_of(deployment).pk
    assert tenant.post("/api/storages/polardb/files", body | {"id": storage_id}).status_code == 403
    administrator = api.patch(f"/api/storages/polardb/{storage_id}", {"title": "Animals"})
    assert administrator.status_code == 200, administrator.content


def test_a_deployments_user_changes_the_password(deployment: Deployment) -> None:
    first = describe(deployment).password
    browser = signed_in(deployment.user.email, first)
    page = browser.get("/deployments/mark_animal/password/", HTTP_ACCEPT_LANGUAGE="zh-CN")
    assert "修改密码" in page.text
    fields = {"old_password": first, "new_password1": "my-own-word-47", "new_password2": "my-own-word-48"}
    wrong = browser.post("/deployments/mark_animal/password/", fields, format="multipart")
    assert (wrong.status_code, describe(deployment).password) == (200, first)
    fields["new_password2"] = fields["new_password1"]
    changed = browser.post("/deployments/mark_animal/password/", fields, format="multipart")
    assert (changed.status_code, changed["Location"]) == (302, "/deployments/mark_animal/")
    assert browser.get("/api/current-user/whoami").status_code == 200, "still signed in"
    deployment = find("mark_animal")
    assert describe(deployment).password == "(changed)"
    assert deployment.user.check_password("my-own-word-47")


def test_nobody_else_changes_the_password(deployment: Deployment, api: Any) -> None:
    for browser in (Client(), api):
        answer = browser.get("/deployments/mark_animal/password/")
        assert (answer.status_code, answer["Location"]) == (302, "/deployments/mark_animal/")
    browser = signed_in(deployment.user.email, describe(deployment).password)
    browser.credentials()  # without the page's token
    assert browser.post("/deployments/mark_animal/password/", {}, format="multipart").status_code == 403


def test_administrators_look_into_a_deployment_and_come_back(deployment: Deployment, api: Any, user: Any) -> None:
    own = user.active_organization
    assert api.get(f"/api/projects/{deployment.project_id}/").status_code == 404, "Label Studio shows the active one"
    assert api.get("/deployments/mark_animal/")["Location"] == f"/projects/{deployment.project_id}/data/"
    assert api.get(f"/api/projects/{deployment.project_id}/").status_code == 200
    task = deployment.project.tasks.first()
    assert api.get(f"/api/tasks/{task.pk}/").status_code == 200
    assert api.get("/polardb/label-studio")["Location"] == "/projects/"
    user.refresh_from_db()
    assert user.active_organization == own
    api.get("/deployments/mark_animal/")
    drop(find("mark_animal"))
    assert api.get("/api/projects/").status_code == 200
    user.refresh_from_db()
    assert user.active_organization == own


def test_images_are_shown_to_their_own_deployment_only(source: Source, user: Any) -> None:
    source.add_images(1)
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    source.execute(f"INSERT INTO cars SELECT * FROM {TABLE}")
    browsers, images = [], []
    for table in (TABLE, "cars"):
        made = deploy(DeployRequest(table, "1", table, image_delivery="link"), source.parameters)
        open_here(made)
        run_sync(import_storage_of(made), force=True)
        browsers.append(signed_in(made.user.email, describe(made).password))
        images.append(made.project.tasks.get().data["image"])
    for number, browser in enumerate(browsers):
        assert browser.get(images[number]).status_code == 200
        assert browser.get(images[1 - number]).status_code == 404
    Deployment.objects.filter(name="cars").update(allowed_networks=["10.0.0.0/8"])
    assert browsers[1].get(images[1]).status_code == 403
