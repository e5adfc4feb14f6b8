"""Real servers, a fresh database for each test, a user, and a provisioned project."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pytest_django import DjangoDbBlocker

from dev.servers import MariaDB
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.labeling import LabelingProject, Provisioned, provision
from support.migrated_database import copy_database, name_of_copy
from support.sessions import signed_in
from support.source_data import Source, url_of

# The same texts at every run; `make test-statements` looks for new ones. Time is measured by the tests themselves.
hypothesis.settings.register_profile("default", max_examples=1000, derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("thorough", max_examples=50_000, deadline=None, database=None)
hypothesis.settings.load_profile("default")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With Label Studio on PostgreSQL, leave out what never meets its database: with SQLite it ran already."""
    if os.environ.get("TEST_DATABASE") != "postgresql":
        return
    left_out = [item for item in items if not _meets_the_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _meets_the_database(item)]


def _meets_the_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db", "django_db_setup"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or any(map(item.get_closest_marker, ("django_db", "postgresql_too")))


@pytest.fixture(scope="session")
def migrated_copy(request: pytest.FixtureRequest, django_db_modify_db_settings: None) -> Path | None:
    """Where a migrated database is kept from run to run; None on PostgreSQL, which is new for each run."""
    from django.db import connection

    if connection.vendor != "sqlite" or request.config.getoption("create_db"):
        return None
    return request.config.cache.mkdir("databases") / name_of_copy()


@pytest.fixture(scope="session")
def django_db_keepdb(migrated_copy: Path | None) -> bool:
    """Have pytest-django find the database migrated, if one is kept; it goes with its folder or its server."""
    from django.db import connection

    if migrated_copy and migrated_copy.exists():
        copy_database(migrated_copy, Path(connection.settings_dict["TEST"]["NAME"]))
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker, migrated_copy: Path | None) -> None:
    """The database, which is kept for the next run if it had to be migrated."""
    from django.db import connection

    database = connection.settings_dict["NAME"]
    # Tests that need no database have set none up.
    if migrated_copy and not migrated_copy.exists() and database == connection.settings_dict["TEST"]["NAME"]:
        with django_db_blocker.unblock():
            copy_database(Path(database), migrated_copy)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with tempfile.TemporaryDirectory(prefix="polardb-bridge-mariadb-") as folder:
        # Not in the way of any test; only a server that starts with a limit lets tests set one.
        server = MariaDB(Path(folder), options=["--max-user-connections=10000"])
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session", params=["mariadb", *(["MYSQL_URL"] if os.environ.get("MYSQL_URL") else [])])
def server_url(request: pytest.FixtureRequest) -> str:
    """An account that may create databases: the private MariaDB, and the server of MYSQL_URL where that is set."""
    if request.param == "mariadb":
        server: MariaDB = request.getfixturevalue("mariadb")
        return server.url("mysql")
    return os.environ["MYSQL_URL"]


@pytest.fixture
def database(server_url: str) -> Iterator[ConnectionParameters]:
    """An empty database."""
    admin = ConnectionParameters.from_url(server_url)
    name = f"bridge_{secrets.token_hex(4)}"
    with begin(admin) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    parameters = ConnectionParameters(admin.host, name, admin.user, admin.password, admin.port)
    yield parameters
    dispose()
    with begin(admin) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")


@pytest.fixture
def source(database: ConnectionParameters) -> Source:
    """A source table and a template table, made by the documented DDL to the letter; one template, no row."""
    return Source.create(database)


@pytest.fixture
def commands_database(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """POLARDB_URL names the database of `source`."""
    monkeypatch.setenv("POLARDB_URL", url_of(source.parameters))


@pytest.fixture
def user(db: None) -> Any:
    # Label Studio loads some models with its URLs only, and a database is emptied of the tables that are known.
    import core.urls  # noqa: F401
    from organizations.models import Organization
    from users.models import User

    user = User.objects.create_superuser(email="admin@example.com", password="correct-horse-9")
    user.active_organization = Organization.create_organization(created_by=user, title="Label Studio")
    user.save()
    return user


@pytest.fixture
def api(user: Any) -> Any:
    """A browser's session of `user`."""
    return signed_in(user.email, "correct-horse-9")


@pytest.fixture
def provisioned(user: Any, source: Source) -> Provisioned:
    """A project on `source` with both storages; not synced yet."""
    return provision(source.parameters)


@pytest.fixture
def project(provisioned: Provisioned, source: Source, api: Any) -> LabelingProject:
    """`provisioned` with three rows, synced."""
    from tasks.models import Task

    source.add_images(3)
    run_sync(provisioned.import_storage)
    tasks = {task.data["id"]: task for task in Task.objects.filter(project=provisioned.project)}
    return LabelingProject(provisioned, api, tasks)


@pytest.fixture(scope="session", autouse=True)
def middleware_is_loaded_by_one_at_a_time() -> Iterator[None]:
    """Of two clients that begin at once, both would lose addresses without their slash, and every later one too.

    Label Studio's middleware for them takes itself out of `settings.MIDDLEWARE` while it loads the others
    (core/middleware.py, CommonMiddlewareAppendSlashWithoutRedirect). A server loads it once, a test once a client.
    """
    from django.core.handlers.base import BaseHandler

    lock = threading.RLock()  # that middleware loads the others within the loading of all
    load = BaseHandler.load_middleware

    def load_alone(handler: BaseHandler, is_async: bool = False) -> None:
        with lock:
            load(handler, is_async)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseHandler, "load_middleware", load_alone)
        yield


@pytest.fixture(autouse=True)
def no_heartbeats(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """None where a test has one transaction for all: other threads see none of it, and on SQLite wait for its end."""
    marker = request.node.get_closest_marker("django_db")
    is_transactional = "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction"))
    if "db" in request.fixturenames and not is_transactional:
        monkeypatch.setattr("polardb_bridge.storage.sync.lease.BEAT_INTERVAL_S", 3600.0)
        monkeypatch.setattr("polardb_bridge.webhooks.leases._HEARTBEAT_INTERVAL_S", 3600.0)


@pytest.fixture(autouse=True)
def clear_request_context() -> Iterator[None]:
    """Label Studio keeps the acting user in a thread-local; the next test has no such user."""
    yield
    import sys

    if "core.current_request" in sys.modules:
        sys.modules["core.current_request"].CurrentContext.clear()
