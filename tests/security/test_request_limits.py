"""A request that holds very much of something is refused, and says how much it may hold."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from polardb_bridge.label_studio.limits import MAX_SAMPLE_COLUMNS
from support.memory import begin_peak, peak

# Label Studio leaves uploaded files to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MAX_SECONDS = 5.0
MAX_BYTES = 200 * 1024 * 1024
FILTER = {"filter": "filter:tasks:data.text", "operator": "contains", "value": "x", "type": "String"}


@pytest.fixture
def project(user: Any) -> Any:
    from projects.models import Project

    return Project.objects.create(title="p", organization=user.active_organization, created_by=user)


def config(controls: int, depth: int = 0) -> str:
    tags = "".join(f"<Choices name='t{i}' toName='i'><Choice value='a'/></Choices>" for i in range(controls))
    return f"<View><Image name='i' value='$i'/>{'<View>' * depth}{tags}{'</View>' * depth}</View>"


def table(columns: int, rows: int = 2, quoted: bool = False) -> bytes:
    names = ",".join(f'"c\n{i}"' if quoted else f"c{i}" for i in range(columns))
    return "\n".join([names] + [",".join("1" * columns)] * rows).encode()


def nested_filter(depth: int) -> dict[str, Any]:
    nested: dict[str, Any] = dict(FILTER)
    for _ in range(depth):
        nested = {**FILTER, "child_filter": nested}
    return nested


@pytest.fixture
def refused() -> Callable[[Callable[[], Any], str], None]:
    def check(ask: Callable[[], Any], variable: str) -> None:
        """Ask for what is too much: little time and memory go by."""
        for _ in range(3):  # the machine may do other things
            began, before = time.monotonic(), begin_peak()
            answer = ask()
            seconds, grown = time.monotonic() - began, peak() - before
            if seconds <= MAX_SECONDS and grown <= MAX_BYTES:
                break
        assert answer.status_code == 400, answer.content
        assert f"({variable})" in answer.content.decode()
        assert seconds <= MAX_SECONDS
        assert grown <= MAX_BYTES

    return check


class TestLabelingConfigurations:
    def ways(self, api: Any, project: Any, config: str) -> Iterator[Callable[[], Any]]:
        for kind in ("json", "multipart"):
            yield lambda kind=kind: api.post(f"/api/projects/{project.pk}/validate/", {"label_config": config}, kind)
            yield lambda kind=kind: api.post("/api/projects/", {"title": "big", "label_config": config}, kind)
            yield lambda kind=kind: api.patch(f"/api/projects/{project.pk}/", {"label_config": config}, kind)

    def test_that_are_long(self, api: Any, project: Any, refused: Any) -> None:
        for ask in self.ways(api, project, config(20_000)):
            refused(ask, "POLARDB_MAX_CONFIG_LENGTH")
        for path in (f"/api/projects/{project.pk}/sample-task/", "/api/projects/validate/"):
            refused(
                lambda path=path: api.post(path, {"label_config": config(20_000)}, "json"), "POLARDB_MAX_CONFIG_LENGTH"
            )

    def test_that_are_nested_deeply(self, api: Any, project: Any, refused: Any) -> None:
        for ask in self.ways(api, project, config(1000, depth=200)):
            refused(ask, "POLARDB_MAX_CONFIG_DEPTH")

    def test_of_some_hundred_controls_are_taken(self, api: Any, project: Any) -> None:
        for ask in self.ways(api, project, config(600, depth=20)):
            assert ask().status_code in (200, 201)

    def test_that_were_saved_before_are_read(self, api: Any, project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        assert api.patch(f"/api/projects/{project.pk}/", {"label_config": config(9, 9)}, "json").status_code == 200
        monkeypatch.setenv("POLARDB_MAX_CONFIG_LENGTH", "10")
        monkeypatch.setenv("POLARDB_MAX_CONFIG_DEPTH", "2")
        assert "t8" in api.get(f"/api/projects/{project.pk}/").json()["label_config"]
        assert api.patch(f"/api/projects/{project.pk}/", {"title": "other"}, "json").status_code == 200


class TestTables:
    def send(self, api: Any, project: Any, name: str, content: bytes) -> Any:
        return api.post(f"/api/projects/{project.pk}/import", {"file": SimpleUploadedFile(name, content)})

    @pytest.mark.parametrize(
        "content",
        [
            table(200_000),
            table(200_000, quoted=True),
            b"c\n" + b"1," * 200_000,  # pandas takes the first ones for an index
            b"\n\n" + table(200_000),
            b"c" * 20_000_000,
        ],
        ids=["names", "names of two lines", "values", "after empty lines", "one long line"],
    )
    def test_with_many_columns(self, api: Any, project: Any, refused: Any, content: bytes) -> None:
        refused(lambda: self.send(api, project, "a.csv", content), "POLARDB_MAX_COLUMNS")
        refused(lambda: self.send(api, project, "a.tsv", content.replace(b",", b"\t")), "POLARDB_MAX_COLUMNS")

    def test_of_json_with_many_fields(self, api: Any, project: Any, refused: Any) -> None:
        fields = {f"k{i}": 1 for i in range(50_000)}
        for task in (fields, {"data": fields}):
            refused(
                lambda task=task: api.post(f"/api/projects/{project.pk}/import", [task], "json"), "POLARDB_MAX_COLUMNS"
            )
            refused(
                lambda task=task: self.send(api, project, "a.json", json.dumps([task]).encode()), "POLARDB_MAX_COLUMNS"
            )

    def test_with_many_rows_are_taken(self, api: Any, project: Any) -> None:
        for name, content in (("a.csv", table(50, 100)), ("b.csv", "ü;b\n1;2".encode()), ("c.tsv", b"a\tb\n1\t2\n")):
            assert self.send(api, project, name, content).status_code == 201
        assert [task.data for task in project.tasks.order_by("-pk")[:2]] == [{"a": 1, "b": 2}, {"ü": 1, "b": 2}]
        assert project.tasks.count() == 102


class TestFilters:
    def ways(self, api: Any, project: Any, filters: list[Any]) -> Iterator[Callable[[], Any]]:
        group = {"conjunction": "and", "items": filters}
        view = {"project": project.pk, "data": {"filters": group}}
        yield lambda: api.post("/api/dm/views/", view, "json")
        yield lambda: api.post(f"/api/dm/actions/?id=delete_tasks&project={project.pk}", {"filters": group}, "json")
        yield lambda: api.get("/api/tasks", {"project": project.pk, "query": json.dumps({"filters": group})})

    def test_that_are_many(self, api: Any, project: Any, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for ask in list(self.ways(api, project, [FILTER] * 900))[:2]:
            refused(ask, "POLARDB_MAX_FILTERS")
        group = {"conjunction": "and", "filters": [{**FILTER, "column": FILTER["filter"]}] * 900}
        body = {"project": project.pk, "data": {}, "filter_group": group}
        refused(lambda: api.post("/api/dm/views/", body, "json"), "POLARDB_MAX_FILTERS")
        monkeypatch.setenv("POLARDB_MAX_FILTERS", "3")  # what is longer is no address any more
        for ask in self.ways(api, project, [FILTER] * 4):
            refused(ask, "POLARDB_MAX_FILTERS")

    def test_that_are_nested(self, api: Any, project: Any, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        for ask in list(self.ways(api, project, [nested_filter(400)]))[:2]:
            refused(ask, "POLARDB_MAX_NESTING")
        monkeypatch.setenv("POLARDB_MAX_FILTERS", "3")
        for ask in self.ways(api, project, [nested_filter(3)]):
            refused(ask, "POLARDB_MAX_FILTERS")

    def test_a_hundred_are_taken(self, api: Any, project: Any) -> None:
        for ask in list(self.ways(api, project, [FILTER] * 98 + [nested_filter(1)]))[:2]:
            assert ask().status_code in (200, 201)


class TestNesting:
    @pytest.mark.parametrize("depth", [250, 5_000, 200_000])
    def test_that_is_deep(self, api: Any, project: Any, refused: Any, depth: int) -> None:
        task = '[{"data": {"a": ' + "[" * depth + "]" * depth + "}}]"
        for path in (f"/api/projects/{project.pk}/import", "/api/projects/", "/api/dm/views/", "/api/token/refresh/"):
            refused(lambda path=path: api.post(path, task, content_type="application/json"), "POLARDB_MAX_NESTING")

    def test_of_a_document_is_taken(self, api: Any, project: Any) -> None:
        task = '[{"data": {"a": ' + "[" * 100 + "]" * 100 + "}}]"
        path = f"/api/projects/{project.pk}/import"
        assert api.post(path, task, content_type="application/json").status_code == 201


@pytest.mark.parametrize("values", ["100000", "9" * 40, ",".join("a" * (MAX_SAMPLE_COLUMNS + 1))])
def test_strangers_get_small_samples(db: None, values: str) -> None:
    for path in ("/samples/time-series.csv", "/x/samples/time-series.csv"):
        began = time.monotonic()
        assert APIClient().get(path, {"time": "0", "values": values}).status_code == 400
        assert time.monotonic() - began < MAX_SECONDS
    assert APIClient().get("/samples/time-series.csv?time=0&values=3").content.count(b",") == 300


def test_label_studio_still_works_by_what_is_wrapped() -> None:
    from core import label_config, views
    from data_import import models
    from data_manager import managers
    from data_manager.serializers import ViewSerializer
    from rest_framework.request import Request
    from tasks.validation import TaskValidator

    wrapped = {
        Request._parse: "rest_framework.request",
        label_config.parse_config_to_json: "core.label_config",
        managers.apply_filters: "data_manager.managers",
        ViewSerializer.to_internal_value: "data_manager.serializers",
        models.pd.read_csv: "pandas",
        TaskValidator.check_data: "tasks.validation",
        views.generate_time_series_json: "core.label_config",
    }
    for function, module in wrapped.items():
        assert inspect.unwrap(function).__module__ == module
