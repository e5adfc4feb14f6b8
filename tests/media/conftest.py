"""A database server for rows of hundreds of MB, and a Label Studio that shows them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.label_studio import LabelStudio
from dev.servers import MariaDB


@pytest.fixture(scope="session")
def server() -> Iterator[MariaDB]:
    with tempfile.TemporaryDirectory(prefix="polardb-bridge-media-") as folder:
        # One file and its base64 stay in memory, as they should where people look at them.
        options = ["--max-allowed-packet=1G", "--innodb-buffer-pool-size=640M", "--innodb-flush-log-at-trx-commit=0"]
        server = MariaDB(Path(folder), options=options)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def server_url(server: MariaDB) -> str:
    return server.url("mysql")


@pytest.fixture
def label_studio(transactional_db: None, user: Any, tmp_path: Path) -> Iterator[LabelStudio]:
    """One process of eight threads, so that its memory is that of all viewers."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.db import connection
    from users.models import User

    # The hashes of the tests' settings are not for production.
    User.objects.update(password=PBKDF2PasswordHasher().encode("correct-horse-9", "salt"))
    name = str(connection.settings_dict["NAME"])
    environment = {
        "POLARDB_ALLOWED_HOSTS": "127.0.0.1",
        "POLARDB_RECONCILE_MINUTES": "0",
        **({"DATABASE_NAME": name} if connection.vendor == "sqlite" else {"POSTGRE_NAME": name}),
    }
    served = LabelStudio(tmp_path, environment, workers=1, threads=8)
    served.start()
    yield served
    served.stop()
