"""What polardb_bridge/label_studio/ relies on: these fail if a new Label Studio behaves otherwise."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from drf_spectacular.generators import SchemaGenerator
from pytest_django import Settings

from polardb_bridge.label_studio.settings import load_settings, package_folder
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned
from support.source_data import Source, base64_text, image_bytes


def test_this_is_the_release_that_was_measured() -> None:
    assert version("label-studio").startswith("1.23.")


def test_label_studios_settings_still_cannot_be_imported_plainly(tmp_path: Path) -> None:
    """If this fails, `load_settings` can become one import."""
    module = "import sys\nsys.path.insert(0, {!r})\nfrom core.settings.label_studio import *\n"
    (tmp_path / "plain_settings.py").write_text(module.format(str(package_folder())))
    code = "import plain_settings, django; from django.conf import settings; print(settings.SENTRY_DSN)"
    environment = {"PATH": "", "DJANGO_SETTINGS_MODULE": "plain_settings", "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "AttributeError" in done.stderr


def test_nothing_reports_to_third_parties(settings: Settings) -> None:
    assert not settings.SENTRY_DSN
    assert not settings.FRONTEND_SENTRY_DSN
    assert settings.COLLECT_ANALYTICS is False
    assert settings.LATEST_VERSION_CHECK is False


def test_a_page_loads_nothing_from_another_host(api: Any, user: Any) -> None:
    from html.parser import HTMLParser

    class Addresses(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("script", "link", "img", "iframe"):
                self.found += [value for name, value in attrs if name in ("src", "href") and value]

    page = api.get("/projects/")
    assert page.status_code == 200
    parser = Addresses()
    parser.feed(page.content.decode())
    assert parser.found
    assert {urlsplit(address).netloc for address in parser.found} == {""}


def test_settings_are_whole() -> None:
    loaded = load_settings()
    assert {"DATABASES", "SECRET_KEY", "INSTALLED_APPS", "VERSION_EDITION", "GET_STORAGE_LIST"} <= loaded.keys()


def test_the_version_page_shows_no_secret_of_ours(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARDB_URL", "mysql://user:hunter2@127.0.0.1/db")
    page = api.get("/version/").content.decode()
    assert "SECRET_KEY" in page, "superusers see all settings here"
    assert "hunter2" not in page


def test_new_tasks_get_the_state_that_label_studio_gives_its_own(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`create_task_states` writes in one statement what `Task.save` writes task by task."""
    monkeypatch.setenv("fflag_feat_fit_568_finite_state_management", "1")
    from core.current_request import CurrentContext
    from fsm.state_models import TaskState
    from tasks.models import Task

    source.add(("a.png", base64_text(image_bytes())))
    CurrentContext.clear()
    run_sync(provisioned.import_storage)
    CurrentContext.set_user(provisioned.project.created_by)
    own = Task.objects.create(data={"image": "x"}, project=provisioned.project)

    def state_of(task: Any) -> dict[str, Any]:
        [state] = TaskState.objects.filter(task=task)
        return {
            name: getattr(state, name)
            for name in (
                "state",
                "previous_state",
                "transition_name",
                "triggered_by_id",
                "organization_id",
                "project_id",
            )
        }

    [synced] = Task.objects.filter(project=provisioned.project).exclude(pk=own.pk)
    assert state_of(synced) == state_of(own)


@pytest.mark.parametrize("mode", ["journal_mode", "transactions"])
def test_sqlite_readers_do_not_block_writers(db: None, mode: str) -> None:
    if connection.vendor != "sqlite":
        assert connection.vendor == "postgresql"
        return
    if mode == "journal_mode":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    else:
        assert connection.transaction_mode == "IMMEDIATE"


def test_a_redis_that_does_not_answer_is_not_asked_again_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio looks the check up by its name in its own module: `redis_connected` goes through ours."""
    from core import redis

    settings.REDIS_ENABLED = True
    monkeypatch.setattr("polardb_bridge.label_studio.redis._paused_until", 0.0)  # and afterwards what it was
    assert redis.redis_healthcheck.__module__ == "polardb_bridge.label_studio.redis"

    class Dead:
        asked = 0

        def ping(self) -> None:
            self.asked += 1
            raise redis.redis.exceptions.TimeoutError

    dead = Dead()
    monkeypatch.setattr(redis, "_redis", dead)
    now = 1e9
    monkeypatch.setattr("polardb_bridge.label_studio.redis.time.monotonic", lambda: now)
    assert [redis.redis_connected() for _ in range(5)] == [False] * 5
    assert dead.asked == 1
    now += 11
    assert not redis.redis_connected()
    assert dead.asked == 2


@pytest.mark.django_db
def test_the_schema_of_the_api_describes_all_operations_once() -> None:
    """An operation that nobody describes gets its path's first part as tag; one that is there twice, a number."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    schema = generator.get_schema(public=True)  # type: ignore[no-untyped-call]
    operations = [operation for path in schema["paths"].values() for operation in path.values()]
    assert not [operation["operationId"] for operation in operations if "api" in operation["tags"]]
    assert not [name for operation in operations if (name := operation["operationId"]).endswith("_2")]
    assert schema["paths"]["/api/invite"]["get"]["summary"] == "Get organization invite link"
