"""Images by link."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from django.test import Client

from polardb_bridge.storage.images import views as media
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned, provision
from support.sessions import signed_in
from support.source_data import TABLE, Source, base64_text, image_bytes

PNG = image_bytes(size=(40, 30))


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_cache", ImageCache())


@pytest.fixture
def linked(provisioned: Provisioned, source: Source) -> str:
    """The address of the only task's image."""
    from tasks.models import Task

    storage = provisioned.import_storage
    storage.image_delivery = "link"
    storage.save()
    source.add(("cat.jpg", base64_text(PNG)))
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL 1 HOUR")
    run_sync(storage)
    image: str = Task.objects.get(project=storage.project).data["image"]
    return image


def test_the_image_is_the_rows_bytes_with_the_type_that_they_show(api: Any, linked: str) -> None:
    answer = api.get(linked)
    assert answer.status_code == 200
    assert answer.content == PNG
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer["Content-Length"] == str(len(PNG))


def test_what_the_browser_has_is_not_sent_again(api: Any, linked: str) -> None:
    etag = api.get(linked)["ETag"]
    again = api.get(linked, HTTP_IF_NONE_MATCH=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert api.get(linked, HTTP_IF_NONE_MATCH='"other"').status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-3", 206, PNG[:4]),
        ("bytes=10-", 206, PNG[10:]),
        ("bytes=-5", 206, PNG[-5:]),
        ("bytes=0-999999", 206, PNG),
        ("bytes=999999-", 416, b""),
        ("bytes=5-2", 416, b""),
        ("bytes=-", 200, PNG),
        ("lines=1-2", 200, PNG),
        ("bytes=0-1,3-4", 200, PNG),
    ],
)
def test_ranges(api: Any, linked: str, asked: str, status: int, part: bytes) -> None:
    answer = api.get(linked, HTTP_RANGE=asked)
    assert (answer.status_code, answer.content) == (status, part)
    if status == 206:
        assert re.fullmatch(rf"bytes \d+-\d+/{len(PNG)}", answer["Content-Range"])
    if status == 416:
        assert answer["Content-Range"] == f"bytes */{len(PNG)}"


def test_a_changed_image_is_shown_under_its_old_address_too(
    api: Any, linked: str, source: Source, provisioned: Provisioned
) -> None:
    api.get(linked)
    other = image_bytes("JPEG")
    source.execute(
        f"UPDATE {TABLE} SET base64_data = '{base64_text(other)}', updated_at = updated_at + INTERVAL 1 MINUTE"
    )
    run_sync(provisioned.import_storage)
    answer = api.get(linked)
    assert (answer.content, answer["Content-Type"]) == (other, "image/jpeg")


def test_several_viewers_cost_one_read(api: Any, linked: str, source: Source) -> None:
    assert api.get(linked).status_code == 200
    source.execute(f"DROP TABLE {TABLE}")
    assert api.get(linked).status_code == 200


def test_only_people_of_the_project_see_it(client: Client, linked: str, user: Any) -> None:
    from organizations.models import OrganizationMember
    from users.models import User

    assert client.get(linked).status_code == 401
    former = User.objects.create_user(email="former@example.com", password="correct-horse-9")
    former.active_organization = user.active_organization
    former.save()
    OrganizationMember.objects.create(user=former, organization=user.active_organization).soft_delete()
    assert signed_in(former.email, "correct-horse-9").get(linked).status_code == 404


def test_a_token_is_enough(client: Client, linked: str, user: Any) -> None:
    user.is_superuser = False
    user.save()
    user.active_organization.jwt.legacy_api_tokens_enabled = True
    user.active_organization.jwt.save()
    answer = client.get(linked, HTTP_AUTHORIZATION=f"Token {user.auth_token.key}")
    assert (answer.status_code, answer.content) == (200, PNG)


def test_rows_without_a_task_cannot_be_reached(api: Any, linked: str, source: Source) -> None:
    [unlinked] = source.add(("secret.png", base64_text(PNG)))
    storage_id = linked.partition("?d=")[2].split("/")[0]
    assert api.get(f"/data/polardb/?d={storage_id}/{unlinked}/1.jpg").status_code == 404


def test_a_row_is_shown_by_the_links_of_its_own_project_only(
    api: Any, linked: str, source: Source, provisioned: Provisioned
) -> None:
    """Two projects on one table: what one has of it is not for those who look through the other."""
    provisioned.export_storage.delete()  # a table has one target
    other = provision(source.parameters, "dogs only")
    storage = other.import_storage
    storage.regex_filter, storage.image_delivery = "dog", "link"
    storage.save()
    [dog] = source.add(("dog.png", base64_text(PNG)))
    run_sync(storage)
    assert api.get(f"/data/polardb/?d={storage.pk}/{dog}/1.jpg").status_code == 200
    cat = linked.partition("?d=")[2].split("/")[1]
    assert api.get(f"/data/polardb/?d={storage.pk}/{cat}/1.jpg").status_code == 404


@pytest.mark.parametrize("d", ["", "1/1 or 1=1/1.jpg", "../../x.jpg", "1/" + "9" * 30 + "/1.jpg", "999999/1/1.jpg"])
def test_odd_addresses_are_not_found(api: Any, linked: str, d: str) -> None:
    assert api.get("/data/polardb/", {"d": d}).status_code == 404


@pytest.mark.parametrize(
    "content", [b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", b"<html><script>1</script>"]
)
def test_active_content_is_never_served(api: Any, linked: str, source: Source, content: bytes) -> None:
    source.execute(f"UPDATE {TABLE} SET base64_data = '{base64_text(content)}'")
    answer = api.get(linked)
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/plain")
    assert content not in answer.content
    assert "sandbox" in answer["Content-Security-Policy"]


def test_a_deleted_row_is_not_found(api: Any, linked: str, source: Source) -> None:
    source.execute(f"DELETE FROM {TABLE}")
    answer = api.get(linked)
    assert (answer.status_code, answer.content) == (404, b"Row 1: the row is missing.")


def test_a_dead_database_is_said_within_three_seconds(api: Any, linked: str, provisioned: Provisioned) -> None:
    storage = provisioned.import_storage
    storage.port = 1
    storage.save()
    begun = time.monotonic()
    answer = api.get(linked)
    assert time.monotonic() - begun < 3
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
