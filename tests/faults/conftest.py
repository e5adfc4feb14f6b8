"""A database server of these tests' own, which they may kill and freeze, and Label Studio's processes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dev.label_studio import LabelStudio
from dev.servers import MariaDB
from polardb_bridge.table.connection import begin, engine_for
from polardb_bridge.table.parameters import ConnectionParameters
from support.labeling import Provisioned
from support.proxy import Proxy


@pytest.fixture(scope="session")
def own_mariadb() -> Iterator[MariaDB]:
    with tempfile.TemporaryDirectory(prefix="polardb-bridge-faults-") as folder:
        server = MariaDB(Path(folder), options=["--innodb-flush-log-at-trx-commit=2"])
        server.start()
        yield server
        server.stop()


@pytest.fixture
def server(own_mariadb: MariaDB) -> Iterator[MariaDB]:
    """The server that holds the table; whole again after the test."""
    yield own_mariadb
    if own_mariadb.process is None:
        own_mariadb.start()
    own_mariadb.thaw()


@pytest.fixture
def server_url(server: MariaDB) -> str:
    return server.url("mysql")


@pytest.fixture
def storage(provisioned: Provisioned) -> Any:
    return provisioned.export_storage


@pytest.fixture
def writer(database: ConnectionParameters, storage: Any) -> str:
    """An account without administrator rights that `storage` writes as; its name."""
    name = f"writer_{storage.database[-8:]}"
    with begin(database) as connection:
        connection.exec_driver_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'first'")
        connection.exec_driver_sql(f"GRANT SELECT, UPDATE ON {storage.database}.* TO {name}@'%%'")
    storage.user, storage.password = name, "first"
    storage.save()
    return name


@pytest.fixture
def proxy(server: MariaDB, storage: Any) -> Iterator[Proxy]:
    """Stands between write-back and the server, and can cut connections anywhere."""
    with Proxy(server.port) as between:
        # Same database and table, another port: as people who read and write through two endpoints.
        storage.port = between.port
        storage.save()
        yield between


@pytest.fixture
def hold(database: ConnectionParameters) -> Callable[..., Any]:
    """Runs statements in a transaction of somebody else; its locks stay until the context ends."""

    @contextlib.contextmanager
    def held(*statements: str) -> Iterator[sa.Connection]:
        with engine_for(database).connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            try:
                yield connection
            finally:
                with contextlib.suppress(sa.exc.DBAPIError):
                    connection.rollback()

    return held


@pytest.fixture
def environment(transactional_db: None, server: MariaDB) -> dict[str, str]:
    """What makes other processes use this test's databases."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    return {
        "POLARDB_ALLOWED_HOSTS": "127.0.0.1",
        "POLARDB_RECONCILE_MINUTES": "0",
        **({"DATABASE_NAME": str(name)} if connection.vendor == "sqlite" else {"POSTGRE_NAME": str(name)}),
    }


@pytest.fixture
def start_label_studio(environment: dict[str, str], user: Any, tmp_path: Path) -> Iterator[Callable[..., LabelStudio]]:
    """Starts gunicorn with what differs from `environment`."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from users.models import User

    with contextlib.ExitStack() as stack:

        def start(**variables: str) -> LabelStudio:
            # The hashes of the tests' settings are not for production.
            User.objects.update(password=PBKDF2PasswordHasher().encode("correct-horse-9", "salt"))
            server = LabelStudio(tmp_path, environment | variables)
            stack.callback(server.stop)
            server.start()
            return server

        yield start
