"""The people of a deployment: its address, their passwords, what they see and may change."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from polardb_bridge.choices import ImageDelivery
from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.drop import drop
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.status import status_of
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.storage.sync.run import run_sync
from support.deployments import export_storage_of, first_password_of, import_storage_of, open_here
from support.sessions import signed_in
from support.source_data import TABLE, Source

NEW_PASSWORD = "correct-horse-9"


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
            "password": first_password_of(deployment),
            "csrfmiddlewaretoken": browser.cookies["csrftoken"].value,
        },
    )
    assert (answer.status_code, answer["Location"]) == (302, target)
    assert browser.get("/deployments/MARK_ANIMAL/")["Location"] == target
    assert browser.get(target).status_code == 200


def test_the_address_of_another_deployment_asks_for_its_own_login(deployment: Deployment, source: Source) -> None:
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    cars = deploy(DeployModel("Label-Studio", "cars", "1", "cars"), source.parameters)
    open_here(cars)
    browser = signed_in(cars.user.email, first_password_of(cars))
    assert browser.get("/api/current-user/whoami").status_code == 200
    assert "Sign out" in browser.get("/deployments/mark_animal/").text
    assert browser.get("/api/current-user/whoami").status_code == 200
    browser.post("/deployments/mark_animal/")
    assert "mark_animal@deployments.local" in browser.get("/deployments/mark_animal/").text
    assert browser.get("/api/current-user/whoami").status_code == 401


def test_an_unknown_address_is_not_found(deployment: Deployment) -> None:
    browser = Client()
    assert browser.get("/deployments/other/").status_code == 403, "as one that is closed to this address"
    drop(deployment)
    assert browser.get("/deployments/mark_animal/").status_code == 404


def test_an_administrator_made_by_a_command_can_log_in(db: None, client: Client) -> None:
    """Although the only organization is the one of a deployment, which nobody joins."""
    from core.urls import urlpatterns  # noqa: F401
    from organizations.models import Organization
    from users.models import User

    owner = User.objects.create_user("owner@example.com", "correct-horse-9")
    tenant = Organization.create_organization(created_by=owner, title="tenant")
    Deployment.objects.create(
        name="tenant", template_id="1", source="t", table_address="t", organization=tenant, user=owner
    )
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
    tenant = signed_in(deployment.user.email, first_password_of(deployment))
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
    for action in ("files", "mapping"):
        assert tenant.post(f"/api/storages/polardb/{action}", body | {"id": storage_id}).status_code == 403
    administrator = api.patch(f"/api/storages/polardb/{storage_id}", {"title": "Animals"})
    assert administrator.status_code == 200, administrator.content


def test_a_deployments_user_changes_the_password(deployment: Deployment) -> None:
    first = first_password_of(deployment)
    browser = signed_in(deployment.user.email, first)
    page = browser.get("/deployments/mark_animal/password/", HTTP_ACCEPT_LANGUAGE="zh-CN")
    assert "修改密码" in page.text
    fields = {"old_password": first, "new_password1": "my-own-word-47", "new_password2": "my-own-word-48"}
    wrong = browser.post("/deployments/mark_animal/password/", fields, format="multipart")
    assert (wrong.status_code, first_password_of(deployment)) == (200, first)
    fields["new_password2"] = fields["new_password1"]
    changed = browser.post("/deployments/mark_animal/password/", fields, format="multipart")
    assert (changed.status_code, changed["Location"]) == (302, "/deployments/mark_animal/")
    assert browser.get("/api/current-user/whoami").status_code == 200, "still signed in"
    deployment = Deployment.objects.find("mark_animal")
    assert status_of(deployment).password is None
    assert deployment.user.check_password("my-own-word-47")


def test_nobody_else_changes_the_password(deployment: Deployment, api: Any) -> None:
    for browser in (Client(), api):
        answer = browser.get("/deployments/mark_animal/password/")
        assert (answer.status_code, answer["Location"]) == (302, "/deployments/mark_animal/")
    browser = signed_in(deployment.user.email, first_password_of(deployment))
    browser.credentials()  # without the page's token
    assert browser.post("/deployments/mark_animal/password/", {}, format="multipart").status_code == 403


def test_administrators_look_into_a_deployment_and_come_back(deployment: Deployment, api: Any, user: Any) -> None:
    own = user.active_organization
    assert api.get(f"/api/projects/{deployment.project_id}/").status_code == 404, "Label Studio shows the active one"
    assert api.post("/deployments/mark_animal/")["Location"] == f"/projects/{deployment.project_id}/data/"
    assert api.get(f"/api/projects/{deployment.project_id}/").status_code == 200
    task = deployment.project.tasks.first()
    assert api.get(f"/api/tasks/{task.pk}/").status_code == 200
    assert api.post("/polardb/label-studio")["Location"] == "/projects/"
    user.refresh_from_db()
    assert user.active_organization == own
    api.post("/deployments/mark_animal/")
    drop(Deployment.objects.find("mark_animal"))
    assert api.get("/api/projects/").status_code == 200
    user.refresh_from_db()
    assert user.active_organization == own


def test_a_project_that_is_not_shown_says_why(deployment: Deployment, api: Any, user: Any) -> None:
    from projects.models import Project

    own = Project.objects.create(title="Own", organization=user.active_organization, created_by=user)
    page = f"/projects/{own.pk}/data/"
    assert b"polardb-elsewhere-page" not in api.get(page).content
    api.post("/deployments/mark_animal/")
    for path in (page, f"/projects/{own.pk}/settings/storage"):
        said = " ".join(api.get(path).content.decode().split())
        assert "You are in <b>mark_animal</b>, which does not have this project." in said
        assert "Leave mark_animal and open the project" in said
    assert b"polardb-elsewhere-page" not in api.get(f"/projects/{deployment.project_id}/data/").content
    assert b"polardb-elsewhere-page" not in api.get("/projects/987654/data/").content
    assert api.post("/polardb/label-studio", {"project": own.pk})["Location"] == page
    assert api.get(f"/api/projects/{own.pk}/").status_code == 200

    said = " ".join(api.get(f"/projects/{deployment.project_id}/data/").content.decode().split())
    assert 'It belongs to the deployment <b>mark_animal</b>. <a href="/deployments/mark_animal/">' in said
    member = signed_in(deployment.user.email, first_password_of(deployment))
    assert b"polardb-elsewhere-page" not in member.get(page).content


def test_images_are_shown_to_their_own_deployment_only(source: Source, user: Any) -> None:
    source.add_images(1)
    source.execute(f"CREATE TABLE cars LIKE {TABLE}")
    source.execute(f"INSERT INTO cars SELECT * FROM {TABLE}")
    browsers, images = [], []
    for table in (TABLE, "cars"):
        made = deploy(
            DeployModel("Label-Studio", table, "1", table, image_delivery=ImageDelivery.LINK), source.parameters
        )
        open_here(made)
        run_sync(import_storage_of(made), force=True)
        browsers.append(signed_in(made.user.email, first_password_of(made)))
        images.append(made.project.tasks.get().data["image"])
    for number, browser in enumerate(browsers):
        assert browser.get(images[number]).status_code == 200
        assert browser.get(images[1 - number]).status_code == 404
    Deployment.objects.filter(name="cars").update(allowed_networks=["10.0.0.0/8"])
    assert browsers[1].get(images[1]).status_code == 403


def test_who_is_created_by_the_api_signs_in_after_changepassword(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the documentation says: Label Studio ignores the password of the request."""
    person = {"email": "ann@example.com", "username": "ann", "password": NEW_PASSWORD}
    assert api.post("/api/users/", person, format="json").status_code == 201
    with pytest.raises(AssertionError):
        signed_in("ann@example.com", NEW_PASSWORD)
    monkeypatch.setattr("getpass.getpass", lambda prompt: NEW_PASSWORD)
    call_command("changepassword", "ann@example.com", stdout=io.StringIO())
    assert signed_in("ann@example.com", NEW_PASSWORD).get("/api/projects/").status_code == 200
