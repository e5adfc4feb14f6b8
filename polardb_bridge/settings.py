"""Django settings: Label Studio's own, extended. Use as DJANGO_SETTINGS_MODULE=polardb_bridge.settings.

Label Studio's environment variables keep their meaning (`DJANGO_DB`, `POSTGRE_*`, `LABEL_STUDIO_HOST`, …).
"""

import os

from polardb_bridge import label_studio
from polardb_bridge.conf import configuration

os.environ.setdefault("DJANGO_DB", "sqlite")
label_studio.disable_telemetry()
globals().update(label_studio.load_settings())

# For linters and readers: what is extended below comes from Label Studio.
INSTALLED_APPS: list[str] = [*globals()["INSTALLED_APPS"], "polardb_bridge"]
DATABASES: dict[str, dict[str, object]] = globals()["DATABASES"]
IO_STORAGES_IMPORT_LINK_NAMES: list[str] = [
    *globals()["IO_STORAGES_IMPORT_LINK_NAMES"],
    "polardb_io_storages_polardbimportstoragelink",
]

ROOT_URLCONF = "polardb_bridge.urls"
WSGI_APPLICATION = "polardb_bridge.wsgi.application"
GET_STORAGE_LIST = "polardb_bridge.storage.types.storage_list"

# django-fernet-encrypted-fields derives its key from SECRET_KEY and this salt. The secret is SECRET_KEY, which
# Label Studio generates and keeps in its data folder (or takes from the environment); the salt only sets our
# use of it apart from others.
SALT_KEY = os.environ.get("POLARDB_SALT_KEY", "polardb-bridge")

# Label Studio's storage wizard knows only its own providers: with it, "Edit" of a PolarDB table would open an
# empty Amazon S3 form. Under any other name than 'opensource' the page draws its forms from form_layout.yml.
FRONTEND_SENTRY_ENVIRONMENT = os.environ.get("FRONTEND_SENTRY_ENVIRONMENT", "opensource-polardb")

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Annotations are delivered in the background while people submit: readers must not block the writer (WAL), a
    # second writer waits (timeout), and a transaction takes its turn at its start, where waiting is possible.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL",
    }

# Label Studio's own edition has no Redis setting at all: without this, its queues are ignored.
REDIS_URL = configuration().redis_url
REDIS_ENABLED = REDIS_URL is not None
if REDIS_ENABLED:
    RQ_QUEUES = {name: {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 180} for name in globals()["RQ_QUEUES"]}
