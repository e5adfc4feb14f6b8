"""Requests that make no sense are refused: nobody learns what fails inside, and nobody is alarmed by them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from support.sessions import signed_in
from support.ways_in import PASSWORD


@pytest.fixture
def project(user: Any) -> Any:
    from projects.models import Project

    return Project.objects.create(title="p", organization=user.active_organization, created_by=user)


@pytest.fixture
def task(project: Any) -> Any:
    from tasks.models import Task

    return Task.objects.create(project=project, data={"image": "x"})


@pytest.fixture
def stranger(db: None) -> APIClient:
    client = APIClient()
    client.raise_request_exception = False
    return client


@pytest.fixture(autouse=True)
def all_is_answered(api: Any) -> None:
    api.raise_request_exception = False


NO_RESULTS = ["text", "5", [1, 2], [[1]], [None], {"a": 1}, 5, '{"a": 1}', "[" * 5000]


class TestResults:
    @pytest.mark.parametrize("result", NO_RESULTS, ids=lambda result: str(result)[:9])
    def test_that_are_no_regions(self, api: Any, task: Any, project: Any, result: Any) -> None:
        in_task = [{"data": {"image": "x"}, "annotations": [{"result": result}]}]
        for path, body in (
            (f"/api/tasks/{task.pk}/annotations/", {"result": result}),
            (f"/api/tasks/{task.pk}/drafts", {"result": result}),
            (f"/api/projects/{project.pk}/import", in_task),
        ):
            answer = api.post(path, body, format="json")
            assert answer.status_code == 400, (path, answer.content)
        assert not task.annotations.exists()
        assert project.tasks.count() == 1

    @pytest.mark.parametrize("result", [[1, 2], [[1]], [None], 0.5, None])
    def test_of_predictions_too(self, api: Any, project: Any, result: Any) -> None:
        body = [{"data": {"image": "x"}, "predictions": [{"result": result}]}]
        answer = api.post(f"/api/projects/{project.pk}/import", body, format="json")
        assert answer.status_code == 400, answer.content
        assert not project.tasks.exists()

    @pytest.mark.parametrize("result", [[], [{"a": 1}], '[{"a": 1}]'])
    def test_that_are_regions(self, api: Any, task: Any, project: Any, result: Any) -> None:
        answer = api.post(f"/api/tasks/{task.pk}/annotations/", {"result": result}, format="json")
        assert answer.status_code == 201, answer.content
        assert answer.json()["result"] == (json.loads(result) if isinstance(result, str) else result)
        if isinstance(result, list):
            made = {"annotations": [{"result": result}], "predictions": [{"result": result}], "drafts": []}
            body = [{"data": {"image": "x"}, **made}]
            assert api.post(f"/api/projects/{project.pk}/import", body, format="json").status_code == 201


@pytest.mark.parametrize("body", [None, 5, True, "text"], ids=str)
def test_bodies_that_are_no_objects(api: Any, project: Any, task: Any, body: Any) -> None:
    one = f"/api/projects/{project.pk}"
    ways = ["/api/projects/", f"{one}/import", f"/api/tasks/{task.pk}/annotations/", "/api/dm/views/", "/api/webhooks/"]
    ways += ["/api/storages/polardb/", "/api/storages/polardb/validate", "/api/ml/", "/api/polardb/statements"]
    for path in ways:
        answer = api.post(path, json.dumps(body), content_type="application/json")
        assert answer.status_code == 400, (path, answer.content)
    assert api.patch(f"{one}/", json.dumps(body), content_type="application/json").status_code == 400
    assert api.patch(f"/api/tasks/{task.pk}/", json.dumps(body), content_type="application/json").status_code == 400
    assert project.tasks.get() == task


@pytest.mark.parametrize("field", ["tasks:pk)", "tasks:nothing", "-tasks:nothing", "tasks:data"])
def test_orders_by_no_field(api: Any, project: Any, task: Any, field: str) -> None:
    query = json.dumps({"ordering": [field]})
    answer = api.get("/api/tasks", {"project": project.pk, "query": query})
    assert answer.status_code == (200 if field == "tasks:data" else 400), answer.content
    assert b"annotations" not in answer.content or answer.status_code == 200


def test_filters_by_half_a_character(api: Any, project: Any, task: Any) -> None:
    item = {"filter": "filter:tasks:data.image", "operator": "contains", "value": "a\ud800", "type": "String"}
    query = json.dumps({"filters": {"conjunction": "and", "items": [item]}})
    answer = api.get("/api/tasks", {"project": project.pk, "query": query})
    assert answer.status_code == 400, answer.content


@pytest.mark.parametrize("path", ["/data/upload/1/nothing.png", "/data/upload/", "/data/upload/../../etc/passwd"])
def test_files_that_are_not_there(api: Any, ordinary: Any, path: str) -> None:
    for client in (api, signed_in(ordinary.email, PASSWORD)):
        client.raise_request_exception = False
        assert client.get(path).status_code == 404


def picture(width: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, width)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("content", [picture(3000), b"text", b""], ids=["large", "text", "empty"])
def test_avatars_that_are_none(api: Any, user: Any, content: bytes) -> None:
    path = f"/api/users/{user.pk}/avatar/"
    assert api.post(path, {"avatar": SimpleUploadedFile("a.png", content, "image/png")}).status_code == 400
    fine = SimpleUploadedFile("a.png", picture(30), "image/png")
    assert api.post(path, {"avatar": fine}).status_code == 200


def test_tokens_of_users_who_were_dropped(stranger: Any, ordinary: Any) -> None:
    from jwt_auth.models import LSAPIToken

    token = LSAPIToken.for_user(ordinary).get_full_jwt()
    assert stranger.post("/api/token/refresh/", {"refresh": token}, format="json").status_code == 200
    ordinary.delete()
    assert stranger.post("/api/token/refresh/", {"refresh": token}, format="json").status_code == 401


@pytest.mark.parametrize("path", ["/trigger500/", "/x/trigger500/"])
def test_the_route_that_fails(stranger: Any, settings: Any, path: str) -> None:
    assert stranger.get(path).status_code == 404
    settings.DEBUG = True
    assert stranger.get(path).status_code == 500
