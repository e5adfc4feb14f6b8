"""Django settings of the tests: the project's own, on databases of their own.

TEST_DATABASE=postgresql runs the tests with Label Studio on a private PostgreSQL; SQLite otherwise.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from dev.servers import PostgreSQL

FOLDER = Path(tempfile.mkdtemp(prefix="polardb-bridge-"))
FOLDER.chmod(0o755)  # PostgreSQL's own user must get through
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

os.environ["LABEL_STUDIO_BASE_DATA_DIR"] = str(FOLDER / "label-studio")
os.environ["SECRET_KEY"] = "only-for-tests, and as long as a key of tokens must be"
os.environ["POLARDB_ALLOWED_HOSTS"] = "127.0.0.1"
os.environ["DJANGO_DB"] = "sqlite"
for name in ("POLARDB_URL", "REDIS_URL"):
    os.environ.pop(name, None)

if os.environ.get("TEST_DATABASE") == "postgresql":
    server = PostgreSQL(FOLDER / "postgresql")
    server.start()
    atexit.register(server.stop)
    os.environ |= {"DJANGO_DB": "default", "POSTGRE_PORT": str(server.port), "POSTGRE_HOST": "127.0.0.1"}

from polardb_bridge.settings import *  # noqa: E402, F403

if os.environ["DJANGO_DB"] == "sqlite":
    # In a file, not in memory: tests use it from several threads and processes.
    DATABASES["default"]["TEST"] = {"NAME": str(FOLDER / "test.sqlite3")}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
