"""The port in urls that are shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from polardb_bridge.deployments.projects import label_studio_url
from polardb_bridge.web.served import remember_port


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.BASE_DATA_DIR, settings.HOSTNAME, settings.INTERNAL_PORT = str(tmp_path), "", 8080
    return tmp_path


def ask(**meta: str) -> None:
    remember_port(lambda request: HttpResponse())(RequestFactory().get("/", **meta))


def test_urls_have_the_port_of_the_server_that_answers() -> None:
    assert label_studio_url() == "http://localhost:8080"
    ask(SERVER_PORT="9123", SERVER_SOFTWARE="gunicorn/23")
    assert label_studio_url() == "http://localhost:9123"
    ask(SERVER_PORT="9124", SERVER_SOFTWARE="WSGIServer/0.2")
    assert label_studio_url() == "http://localhost:9124"


def test_a_socket_file_and_a_test_have_no_port(settings: Settings) -> None:
    ask(SERVER_PORT="", SERVER_SOFTWARE="gunicorn/23")
    ask(SERVER_PORT="80", SERVER_SOFTWARE="")
    assert label_studio_url() == "http://localhost:8080"
    settings.HOSTNAME = "https://label.example.com/"
    assert label_studio_url() == "https://label.example.com"


def test_a_folder_that_cannot_be_used_is_no_matter(settings: Settings, folder: Path) -> None:
    settings.BASE_DATA_DIR = str(folder / "none")
    ask(SERVER_PORT="9123", SERVER_SOFTWARE="gunicorn/23")
    (folder / "polardb_bridge_port").write_text("²")
    settings.BASE_DATA_DIR = str(folder)
    assert label_studio_url() == "http://localhost:8080"
