"""What people who have not signed in make the server do, again and again."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.test import APIClient

from polardb_bridge.web import schema
from support.sessions import signed_in
from support.ways_in import PASSWORD

DESCRIPTIONS = ["/docs/api/schema/json/", "/docs/api/schema/yaml/", "/docs/api/schema/"]


class TestTheDescriptionOfTheApi:
    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Each time that it was made."""
        times: list[str] = []
        make: Any = SchemaGenerator.get_schema

        def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
            times.append("made")
            return make(self, *args, **kwargs)

        monkeypatch.setattr(schema, "_made", {})
        monkeypatch.setattr(SchemaGenerator, "get_schema", counted)
        return times

    @pytest.mark.parametrize("path", DESCRIPTIONS)
    def test_is_made_once_however_often_they_ask(self, db: None, made: list[str], path: str) -> None:
        for query in ("", "?lang=zh-hans", "?version=2"):
            assert APIClient().get(path + query).status_code == 200
        APIClient().get(path, headers={"Accept": "application/json; indent=8"})
        assert len(made) <= 2  # in two forms, where the path leaves the form open

    def test_is_made_once_for_all_who_ask_at_once(self, db: None, made: list[str]) -> None:
        begin = threading.Barrier(4)

        def ask() -> None:
            begin.wait()
            APIClient().get("/docs/api/schema/json/")

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == ["made"]

    def test_says_what_it_said(self, ordinary: Any, api: Any, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        path = "/docs/api/schema/json/"
        readers = [APIClient(), api, signed_in(ordinary.email, PASSWORD)]
        now = [reader.get(path) for reader in readers]
        monkeypatch.setattr(SpectacularAPIView, "get", inspect.unwrap(SpectacularAPIView.get))
        before = [reader.get(path) for reader in readers]
        for answers in (now, before):
            assert b"/api/projects/" in answers[0].content
        for one, other in zip(now, before, strict=True):
            assert one.content == other.content
            assert {**one.headers} == {**other.headers}
