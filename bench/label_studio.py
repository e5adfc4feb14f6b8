"""A Label Studio of a benchmark's own: its data and its database are in a folder that goes with it."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from dev.servers import PostgreSQL


def own_label_studio(name: str, stack: ExitStack) -> Path:
    """Set the environment of this process and its children for it; the folder.

    It is on SQLite, or on a private PostgreSQL with BENCH_DATABASE=postgresql.
    """
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"polardb-bridge-{name}-")))
    folder.chmod(0o755)  # PostgreSQL's own user must get through
    os.environ |= {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "SECRET_KEY": "only-for-the-benchmark, and as long as a key must be",
        "POLARDB_ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings",
        "DJANGO_DB": "sqlite",
    }
    for variable in ("POLARDB_URL", "REDIS_URL"):
        os.environ.pop(variable, None)
    if os.environ.get("BENCH_DATABASE") == "postgresql":
        postgresql = stack.enter_context(PostgreSQL(folder / "postgresql"))
        os.environ |= {"DJANGO_DB": "default", "POSTGRE_HOST": "127.0.0.1", "POSTGRE_PORT": str(postgresql.port)}
    return folder
