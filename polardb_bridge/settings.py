"""Django settings: Label Studio's own, extended. Use as DJANGO_SETTINGS_MODULE=polardb_bridge.settings.

Label Studio's environment variables keep their meaning (`DJANGO_DB`, `POSTGRE_*`, `LABEL_STUDIO_HOST`, …).
"""

import os
from pathlib import Path
from typing import Any

from polardb_bridge.conf import configuration
from polardb_bridge.label_studio.content_policy import content_policy
from polardb_bridge.label_studio.frontend import storage_form_environment
from polardb_bridge.label_studio.settings import disable_telemetry, load_settings, secure_defaults
from polardb_bridge.label_studio.tenancy import ORGANIZATION_MIDDLEWARE

# First: what is wrong with it is all that is said then; Label Studio's settings print.
configuration()
os.environ.setdefault("DJANGO_DB", "sqlite")
disable_telemetry()
secure_defaults()
globals().update(load_settings())

# For linters and readers: what is extended below comes from Label Studio.
INSTALLED_APPS: list[str] = [*globals()["INSTALLED_APPS"], "polardb_bridge"]
DATABASES: dict[str, dict[str, object]] = globals()["DATABASES"]
IO_STORAGES_IMPORT_LINK_NAMES: list[str] = [
    *globals()["IO_STORAGES_IMPORT_LINK_NAMES"],
    "polardb_io_storages_polardbimportstoragelink",
]

# Label Studio logs warnings only, unless LOG_LEVEL says otherwise; who ran which statement belongs in every log.
LOGGING: dict[str, dict[str, dict[str, object]]] = globals()["LOGGING"]
LOGGING["loggers"]["polardb_bridge.deployments.audit"] = {"level": "INFO"}

ROOT_URLCONF = "polardb_bridge.urls"
WSGI_APPLICATION = "polardb_bridge.wsgi.application"
ANNOTATION_MIXIN = "polardb_bridge.webhooks.capture.AnnotationMixin"
GET_STORAGE_LIST = "polardb_bridge.storage.types.storage_list"
REST_FRAMEWORK: dict[str, object] = globals()["REST_FRAMEWORK"]
REST_FRAMEWORK["EXCEPTION_HANDLER"] = "polardb_bridge.label_studio.errors.exception_handler"

# Organizations are tenants here: deployments/tenancy/ and deployments/access/.
PROJECT_MIXIN = "polardb_bridge.deployments.tenancy.isolation.ProjectMixin"
SAVE_USER = "polardb_bridge.deployments.tenancy.signup.save_user"
MIDDLEWARE: list[str] = [
    # Label Studio's middleware there puts everybody without an organization into the first one.
    "polardb_bridge.deployments.access.admission.AccessMiddleware" if name == ORGANIZATION_MIDDLEWARE else name
    for name in globals()["MIDDLEWARE"]
]
AUTHENTICATION_BACKENDS: list[str] = [
    "polardb_bridge.deployments.access.login.AddressBackend",
    *globals()["AUTHENTICATION_BACKENDS"],
]

# It finds nothing wrong with a password; a changed one ends tokens.
AUTH_PASSWORD_VALIDATORS: list[dict[str, object]] = [
    *globals()["AUTH_PASSWORD_VALIDATORS"],
    {"NAME": "polardb_bridge.deployments.identities.tokens.EndsTokens"},
]

# The port in the urls that are shown while LABEL_STUDIO_HOST is not set: that of `polardb-bridge start`.
INTERNAL_PORT = os.environ.get("PORT") or globals()["INTERNAL_PORT"]

# django-fernet-encrypted-fields derives its key from SECRET_KEY and this salt. The secret is SECRET_KEY, which
# Label Studio generates and keeps in its data folder (or takes from the environment); the salt only sets our
# use of it apart from others.
SALT_KEY = configuration().salt_key

# Our base.html extends Label Studio's: it brings the scripts of storage/ui/ into every page.
TEMPLATES: list[dict[str, Any]] = globals()["TEMPLATES"]
TEMPLATES[0]["DIRS"].insert(0, Path(__file__).parent / "storage" / "ui" / "templates")
TEMPLATES[0]["DIRS"].append(Path(__file__).parent / "deployments" / "templates")
TEMPLATES[0]["OPTIONS"]["context_processors"] += [
    f"polardb_bridge.deployments.tenancy.{name}"
    for name in ("signup.no_way_to_sign_up", "organizations.project_elsewhere")
]

# Browsers run only what pages name themselves (label_studio/content_policy.py). LS_CSP_REPORT_ONLY=true has them report
# only, as Label Studio does by itself; ENABLE_CSP=false sends no policy.
_loaders = [f"polardb_bridge.label_studio.content_policy.{name}Loader" for name in ("Filesystem", "AppDirectories")]
TEMPLATES[0]["APP_DIRS"] = False
TEMPLATES[0]["OPTIONS"]["loaders"] = [("django.template.loaders.cached.Loader", _loaders)]
_CSP_MIDDLEWARE = "core.middleware.HumanSignalCspMiddleware"
if _CSP_MIDDLEWARE in MIDDLEWARE:
    globals().update(content_policy(configuration().frame_ancestors, analytics=globals()["COLLECT_ANALYTICS"]))
    MIDDLEWARE.remove(_CSP_MIDDLEWARE)
    # First: what other middleware answers has a policy, too.
    MIDDLEWARE[:0] = [_CSP_MIDDLEWARE, "polardb_bridge.label_studio.content_policy.admit_own_scripts"]
MIDDLEWARE += [
    f"polardb_bridge.web.{name}"
    for name in ("forms.refuse_forms", "forms.keep_logged_in", "strangers.refuse_large_bodies")
]
# For browsers that know no frame-ancestors.
_FRAMES = {"'self'": "SAMEORIGIN", "'none'": "DENY"}.get(" ".join(configuration().frame_ancestors))
if _FRAMES:
    X_FRAME_OPTIONS = _FRAMES
    MIDDLEWARE.append("django.middleware.clickjacking.XFrameOptionsMiddleware")
# HTTPS mostly ends at a proxy, which Django does not see: web/transport.py sends it for every answer then.
if str(globals()["HOSTNAME"]).startswith("https://"):
    SECURE_HSTS_SECONDS = configuration().hsts_seconds
    MIDDLEWARE.insert(0, "polardb_bridge.web.transport.strict_transport")
MIDDLEWARE.insert(0, "polardb_bridge.web.transport.believe_proxies")
if not globals()["HOSTNAME"]:
    MIDDLEWARE.insert(0, "polardb_bridge.web.served.remember_port")
SILENCED_SYSTEM_CHECKS: list[str] = [
    *globals()["SILENCED_SYSTEM_CHECKS"],
    *("security.W005", "security.W021"),  # other hosts of the domain are not ours to decide on
    "security.W008",  # the proxy that ends HTTPS redirects
    "security.W019",  # framed by itself; POLARDB_FRAME_ANCESTORS='none' denies it
    *("drf_spectacular.W001", "drf_spectacular.W002"),  # how Label Studio describes its API
]

# The API's documentation with scripts of our own, not with the newest of a content network.
_API_DOCS = f"{globals()['HOSTNAME']}/polardb-ui/api-docs"
# In place: drf-spectacular has read the settings while Label Studio's were imported.
globals()["SPECTACULAR_SETTINGS"].update(
    REDOC_DIST=f"{_API_DOCS}/redoc",
    SWAGGER_UI_DIST=f"{_API_DOCS}/swagger-ui-dist",
    SWAGGER_UI_FAVICON_HREF=f"{_API_DOCS}/swagger-ui-dist/favicon-32x32.png",
)

# Pages of ours speak English and Chinese (web/language.py). Label Studio's are English only, and so are the messages of
# its API that its frontend reads: its middleware would translate those that come from Django.
USE_I18N = True
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_CODE = "en"
MIDDLEWARE = [name for name in MIDDLEWARE if not name.endswith(".LocaleMiddleware")]
CSRF_FAILURE_VIEW = "polardb_bridge.web.outdated.form_is_outdated"

# Which form the Cloud Storage page opens: its wizard, or the older form if we do not know this wizard.
FRONTEND_SENTRY_ENVIRONMENT = os.environ.get(
    "FRONTEND_SENTRY_ENVIRONMENT", storage_form_environment(Path(globals()["REACT_APP_ROOT"]))
)

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Annotations are delivered in the background while people submit: readers must not block the writer (WAL), a second
    # writer waits (databases/sqlite/), and a transaction takes its turn at its start, when it can still wait.
    DATABASES["default"]["ENGINE"] = "polardb_bridge.databases.sqlite"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL",
    }

# Label Studio's open edition has no Redis setting at all: without this, its queues are ignored.
REDIS_URL = configuration().redis_url
REDIS_ENABLED = REDIS_URL is not None
if REDIS_URL:
    # Label Studio asks Redis in every request (users/functions/last_activity.py) and would wait forever for one that
    # hangs. Workers raise the limit for their own connections (rq/worker.py, _set_connection).
    _limited = REDIS_URL + ("&" if "?" in REDIS_URL else "?") + "socket_timeout=0.5&socket_connect_timeout=0.5"
    RQ = {"WORKER_CLASS": "polardb_bridge.storage.sync.watch.Worker"}
    RQ_QUEUES = {name: {"URL": _limited, "DEFAULT_TIMEOUT": 180} for name in globals()["RQ_QUEUES"]}
