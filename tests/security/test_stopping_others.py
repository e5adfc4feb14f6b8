"""What one person sends does not hold up the others: large bodies, guesses, patterns, servers that hang."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from polardb_bridge.deployments.access import guesses
from polardb_bridge.storage import form_api
from polardb_bridge.web.strangers import MAX_BODY_BYTES
from support.sessions import signed_in

PASSWORD = "correct-horse-9"  # of the test's own users


@pytest.fixture(autouse=True)
def no_guesses_yet() -> None:
    cache.clear()


class TestBodies:
    @pytest.mark.parametrize("path", ["/user/login/", "/api/projects/", "/api/polardb/statements"])
    def test_of_strangers_are_small(self, db: None, client: Any, path: str) -> None:
        answer = client.post(path, b"x" * (MAX_BODY_BYTES + 1), content_type="application/json")
        assert answer.status_code == 413
        assert client.post(path, b"{}", content_type="application/json").status_code != 413

    @pytest.mark.parametrize("headers", [{"Transfer-Encoding": "chunked"}, {"Authorization": "Token wrong" * 9}])
    def test_in_chunks_or_with_a_wrong_token_too(self, db: None, client: Any, headers: dict[str, str]) -> None:
        body = b"x" * (MAX_BODY_BYTES + 1)
        answer = client.post("/api/projects/", body, content_type="application/json", headers=headers)
        assert answer.status_code == 413

    def test_of_people_and_programs_are_read(self, user: Any, api: Any) -> None:
        title = {"title": "x" * 40, "description": "y" * MAX_BODY_BYTES}
        assert api.post("/api/projects/", title, format="json").status_code == 201
        organization = user.active_organization
        organization.jwt.legacy_api_tokens_enabled = True
        organization.jwt.save()
        user.is_superuser = False
        user.save()
        program = APIClient(headers={"Authorization": f"Token {user.auth_token.key}"})
        assert program.post("/api/projects/", title, format="json").status_code == 201


class TestGuesses:
    def attempt(self, client: Any, password: str = "wrong", email: str = "admin@example.com", **extra: str) -> str:  # noqa: S107
        client.get("/user/login/")
        form = {"email": email, "password": password}
        answer = client.post("/user/login/", form, HTTP_X_CSRFTOKEN=client.cookies["csrftoken"].value, **extra)
        return "in" if answer.status_code == 302 else answer.content.decode()

    def test_end_after_some(self, user: Any, client: Any) -> None:
        for _ in range(guesses.MAX_AT_ONE):
            assert "Too many attempts" not in self.attempt(client)
        began = time.process_time()
        assert "Too many attempts" in self.attempt(client, PASSWORD)
        assert time.process_time() - began < 1
        # Somebody elsewhere, and another user here, are not held up.
        assert self.attempt(client, PASSWORD, REMOTE_ADDR="192.0.2.7") == "in"
        cache.clear()
        assert self.attempt(client, PASSWORD) == "in"

    def test_at_many_users_end_too(self, user: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guesses, "MAX_AT_ALL", 5)
        for number in range(5):
            assert "Too many attempts" not in self.attempt(client, email=f"user-{number}@example.com")
        assert "Too many attempts" in self.attempt(client, email="another@example.com")

    def test_a_right_password_is_none(self, user: Any) -> None:
        for _ in range(guesses.MAX_AT_ONE + 2):
            assert self.attempt(APIClient(), PASSWORD) == "in"


class TestPatterns:
    def found(self, api: Any, user: Any, pattern: str) -> list[str]:
        from projects.models import Project
        from tasks.models import Task

        project = Project.objects.create(title="p", organization=user.active_organization, created_by=user)
        for text in ("a" * 60 + "!", "cat 1", "Katze 12"):
            Task.objects.create(project=project, data={"text": text})
        item = {"filter": "filter:tasks:data.text", "operator": "regex", "value": pattern, "type": "String"}
        filters = {"filters": {"conjunction": "and", "items": [item]}}
        view = api.post("/api/dm/views/", {"project": project.pk, "data": filters}, format="json")
        assert view.status_code == 201, view.content
        answer = api.get(f"/api/tasks?project={project.pk}&view={view.json()['id']}")
        assert answer.status_code == 200
        return [task["data"]["text"] for task in answer.json()["tasks"]]

    def test_that_take_for_ever_end(self, api: Any, user: Any) -> None:
        began = time.monotonic()
        assert self.found(api, user, "(a+)+$") == []
        assert time.monotonic() - began < 5

    def test_find_what_they_did(self, user: Any) -> None:
        from projects.models import Project

        for title in ("cat 1", "Katze 12"):
            Project.objects.create(title=title, organization=user.active_organization, created_by=user)
        for pattern, titles in ((r"\d$", ["Katze 12", "cat 1"]), ("^cat", ["cat 1"]), ("(?=a)b", [])):
            found = Project.objects.filter(title__regex=pattern).values_list("title", flat=True)
            assert sorted(found) == titles


def test_few_requests_wait_for_somebody_s_server(user: Any, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_api, "_places", threading.BoundedSemaphore(1))
    with form_api.asking():
        from projects.models import Project

        project = Project.objects.create(title="p", organization=user.active_organization, created_by=user)
        form = {"project": project.pk, "host": "127.0.0.1", "port": 1, "database": "d", "user": "u", "table": "t"}
        answer = api.post("/api/storages/polardb/validate", form, format="json")
        assert answer.status_code == 429
    assert api.post("/api/storages/polardb/validate", form, format="json").status_code == 400


class TestPeople:
    def test_change_themselves_alone(self, user: Any, ordinary: Any, api: Any) -> None:
        member = signed_in(ordinary.email, PASSWORD)
        assert member.patch(f"/api/users/{user.pk}/", {"first_name": "pwned"}, format="json").status_code == 403
        assert member.patch(f"/api/users/{ordinary.pk}/", {"first_name": "Ann"}, format="json").status_code == 200
        assert api.patch(f"/api/users/{ordinary.pk}/", {"first_name": "Anna"}, format="json").status_code == 200
        user.refresh_from_db()
        assert user.first_name != "pwned"

    def test_leave_how_long_sessions_last_to_administrators(self, ordinary: Any, api: Any) -> None:
        member = signed_in(ordinary.email, PASSWORD)
        for client, status in ((member, 403), (api, 200)):
            answer = client.patch("/api/session-policy/", {"max_session_age": 600}, format="json")
            assert answer.status_code == status, answer.content

    @pytest.mark.parametrize(("wanted", "status"), [("image", 403), ("iframe", 403), ("document", 302), (None, 302)])
    def test_are_not_signed_out_by_what_a_task_shows(self, api: Any, wanted: str | None, status: int) -> None:
        headers = {"Sec-Fetch-Dest": wanted} if wanted else {}
        assert api.get("/logout/", headers=headers).status_code == status
