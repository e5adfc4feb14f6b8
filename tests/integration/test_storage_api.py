"""The storages over HTTP, as Label Studio's settings page uses them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoDbBlocker

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from support.labeling import Provisioned
from support.sessions import signed_in
from support.source_data import TABLE, Source

SECRET = "s3cret-pässword"


@pytest.fixture
def form(provisioned: Provisioned, source: Source, limited_account: None) -> dict[str, Any]:
    """What the form sends for a new storage; the project has none of its table any more."""
    provisioned.import_storage.delete()
    provisioned.export_storage.delete()
    return {
        "project": provisioned.project.pk,
        "title": "animals",
        "host": source.parameters.host,
        "port": source.parameters.port,
        "database": source.parameters.database,
        "user": "labeler",
        "password": SECRET,
        "table": TABLE,
        "tls": "disabled",
    }


@pytest.fixture
def limited_account(source: Source) -> Iterator[None]:
    """A database account with a password, and the privileges that the README names."""
    source.execute(f"CREATE USER labeler IDENTIFIED BY '{SECRET}'")
    source.execute(f"GRANT SELECT, UPDATE ON {source.parameters.database}.{TABLE} TO labeler")
    yield
    source.execute("DROP USER labeler")


StorageModel = type[PolarDBImportStorage] | type[PolarDBExportStorage]
DIRECTIONS = pytest.mark.parametrize(
    ("url", "model"),
    [("/api/storages/polardb", PolarDBImportStorage), ("/api/storages/export/polardb", PolarDBExportStorage)],
)


def errors_of(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    return {field: " ".join(messages) for field, messages in answer.json()["validation_errors"].items()}


def test_both_directions_are_offered(api: Any) -> None:
    for url in ("/api/storages/types", "/api/storages/export/types"):
        names = {entry["name"]: entry["title"] for entry in api.get(url).json()}
        assert names["polardb"] == "PolarDB table"
        assert {"s3", "redis", "gcs", "azure"} <= set(names)


@DIRECTIONS
class TestBothDirections:
    def test_a_storage_is_created_changed_listed_and_deleted(
        self, url: str, model: StorageModel, api: Any, form: dict[str, Any]
    ) -> None:
        created = api.post(url, form, format="json")
        assert created.status_code == 201, created.content
        storage_id = created.json()["id"]
        assert created.json()["type"] == "polardb"

        changed = api.patch(f"{url}/{storage_id}", {"title": "renamed", "password": ""}, format="json")
        assert changed.status_code == 200, changed.content
        storage = model.objects.get(pk=storage_id)
        assert (storage.title, storage.password) == ("renamed", SECRET)

        listed = api.get("/api/storages/export" if "export" in url else "/api/storages", {"project": form["project"]})
        assert "renamed" in [entry["title"] for entry in listed.json()]

        assert api.delete(f"{url}/{storage_id}").status_code == 204
        assert not model.objects.filter(pk=storage_id).exists()

    def test_no_answer_and_no_table_of_label_studio_holds_the_password(
        self, url: str, model: StorageModel, api: Any, form: dict[str, Any], django_db_blocker: DjangoDbBlocker
    ) -> None:
        from django.db import connection

        created = api.post(url, form, format="json")
        storage_id = created.json()["id"]
        answers = [
            created,
            api.get(f"{url}/{storage_id}"),
            api.get("/api/storages", {"project": form["project"]}),
            api.patch(f"{url}/{storage_id}", {"password": SECRET}, format="json"),
            api.post(f"{url}/validate", {**form, "port": 1}, format="json"),
            api.post(f"{url}/validate", {**form, "user": "nobody"}, format="json"),
            api.post(f"{url}/{storage_id}/sync"),
            api.get(f"{url}/form"),
        ]
        for answer in answers:
            assert SECRET not in answer.content.decode()
            assert json.dumps(SECRET)[1:-1] not in answer.content.decode()
        storage = model.objects.get(pk=storage_id)
        assert SECRET not in f"{storage!r} {storage} {storage.connection_parameters()!r}"
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {model._meta.db_table} WHERE id = {storage_id}")
            stored = str(cursor.fetchone())
        assert "labeler" in stored
        assert SECRET not in stored

    def test_test_connection_says_what_is_wrong_on_its_field_and_in_time(
        self, url: str, model: StorageModel, api: Any, form: dict[str, Any], source: Source
    ) -> None:
        source.execute("CREATE TABLE half (id int PRIMARY KEY, base64_data longtext)")
        source.execute(f"GRANT SELECT, UPDATE ON {source.parameters.database}.half TO labeler")
        mistakes: dict[str, tuple[dict[str, Any], str]] = {
            "host": ({"host": "10.1.2.3"}, "blocked"),
            "port": ({"port": 0}, "greater than or equal to 1"),
            "password": ({"password": "wrong"}, "user name or password is wrong"),
            "table": ({"table": "nope"}, "no table 'nope'"),
        }
        for field, (change, message) in mistakes.items():
            begun = time.monotonic()
            assert message in errors_of(api.post(f"{url}/validate", {**form, **change}, format="json"))[field]
            assert time.monotonic() - begun < 5
        assert (
            "'mime_type' is missing"
            in errors_of(api.post(f"{url}/validate", {**form, "table": "half"}, format="json"))["table"]
        )
        assert (
            "cannot be a table's name"
            in errors_of(api.post(f"{url}/validate", {**form, "table": "a`; DROP TABLE x"}, format="json"))["table"]
        )
        assert (
            "refuses connections" in errors_of(api.post(f"{url}/validate", {**form, "port": 1}, format="json"))["port"]
        )
        assert api.post(f"{url}/validate", form, format="json").status_code == 200

    def test_a_test_of_a_saved_storage_uses_its_password_and_saves_nothing(
        self, url: str, model: StorageModel, api: Any, form: dict[str, Any]
    ) -> None:
        storage_id = api.post(url, form, format="json").json()["id"]
        edited = {**form, "id": storage_id, "title": "not saved", "password": ""}
        assert api.post(f"{url}/validate", edited, format="json").status_code == 200
        assert api.post(f"{url}/validate", {**edited, "password": "wrong"}, format="json").status_code == 400
        storage = model.objects.get(pk=storage_id)
        assert (storage.title, storage.password) == ("animals", SECRET)

    def test_what_does_not_work_is_not_saved(
        self, url: str, model: StorageModel, api: Any, form: dict[str, Any]
    ) -> None:
        before = model.objects.count()
        assert "password" in errors_of(api.post(url, {**form, "password": "wrong"}, format="json"))
        assert model.objects.count() == before

    def test_a_storage_stays_in_its_project(
        self, url: str, model: StorageModel, api: Any, form: dict[str, Any], user: Any
    ) -> None:
        from projects.models import Project

        elsewhere = Project.objects.create(title="elsewhere", created_by=user, organization=user.active_organization)
        storage_id = api.post(url, form, format="json").json()["id"]
        answer = api.patch(f"{url}/{storage_id}", {"project": elsewhere.pk}, format="json")
        assert "cannot be moved to another project" in errors_of(answer)["project"]

    def test_nobody_without_a_session_gets_in(
        self, url: str, model: StorageModel, client: Client, form: dict[str, Any]
    ) -> None:
        for method, path in [("get", url), ("post", url), ("post", f"{url}/validate"), ("post", f"{url}/1/sync")]:
            assert getattr(client, method)(path).status_code == 401


def test_an_account_without_update_is_no_target(api: Any, form: dict[str, Any], source: Source) -> None:
    source.execute(f"REVOKE UPDATE ON {source.parameters.database}.{TABLE} FROM labeler")
    assert api.post("/api/storages/polardb/validate", form, format="json").status_code == 200
    message = errors_of(api.post("/api/storages/export/polardb/validate", form, format="json"))["user"]
    assert "UPDATE" in message


def test_a_person_without_the_project_cannot_use_its_storages(
    api: Any, form: dict[str, Any], user: Any, client: Client
) -> None:
    """Label Studio's own views let any signed-in user connect to any host."""
    from organizations.models import OrganizationMember
    from users.models import User

    storage_id = api.post("/api/storages/polardb", form, format="json").json()["id"]
    former = User.objects.create_user(email="former@example.com", password="correct-horse-9")
    former.active_organization = user.active_organization
    former.save()
    member = OrganizationMember.objects.create(user=former, organization=user.active_organization)
    member.soft_delete()
    former_api = signed_in(former.email, "correct-horse-9")
    for url, data in [
        ("/api/storages/polardb", form),
        ("/api/storages/polardb/validate", form),
        ("/api/storages/polardb/files", form),
        ("/api/storages/polardb/files", {**form, "id": storage_id}),
        ("/api/storages/polardb/mapping", form),
        ("/api/storages/polardb/mapping", {**form, "id": storage_id}),
        (f"/api/storages/polardb/{storage_id}/sync", {}),
    ]:
        # A project in the form that is not the person's is one that does not exist.
        assert former_api.post(url, data, format="json").status_code in (400, 403, 404), url
    assert former_api.post("/api/storages/polardb/files", form, format="json").json()["validation_errors"].keys() == {
        "project"
    }


def test_the_preview_shows_the_first_rows(api: Any, form: dict[str, Any], source: Source) -> None:
    source.add_images(3)
    answer = api.post("/api/storages/polardb/files", {**form, "limit": 2}, format="json")
    first, second, more = answer.json()["files"]
    assert (first["key"], first["name"], first["size"]) == ("1", "photo-0.png", second["size"])
    assert first["last_modified"].endswith("Z")
    assert more["key"] is None
    assert len(api.post("/api/storages/polardb/files", form, format="json").json()["files"]) == 4


def test_the_legacy_form_is_described(api: Any) -> None:
    for url in ("/api/storages/polardb/form", "/api/storages/export/polardb/form"):
        fields = {field["name"] for group in api.get(url).json() for field in group["fields"]}
        assert {"title", "host", "port", "database", "user", "password", "table", "tls"} <= fields
