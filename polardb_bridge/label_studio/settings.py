"""Label Studio's own settings, to be extended."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from polardb_bridge.errors import ReconfigureError

# Before the name of each of its variables; the first that is set counts (core/utils/params.py, get_env).
ENVIRONMENT_PREFIXES = ("LABEL_STUDIO_", "HEARTEX_", "")


def package_folder() -> Path:
    """The folder of the installed `label_studio` package."""
    import label_studio

    return Path(label_studio.__file__).parent


def load_settings() -> dict[str, Any]:
    """Label Studio's own settings, by name.

    `core.settings.label_studio` reads `django.conf.settings` while it is being imported (lines 44 and 49), which
    fails unless it is itself the settings module. So Django is shown Label Studio's base settings for that time.

    Raises:
        ReconfigureError: DJANGO_DB names no database.
    """
    from django.conf import UserSettingsHolder, global_settings, settings
    from django.utils.functional import empty

    # Until its own logging is set up, Label Studio prints all it does (base.py), unless somebody has set up logging.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    # Label Studio asks the database for a column while its modules are imported (projects/models.py, get_queryset).
    warnings.filterwarnings("ignore", message="Accessing the database during app initialization")
    folder = str(package_folder())
    # Label Studio's modules import one another by top-level names (`core`, `tasks`, …).
    if folder not in sys.path:
        sys.path.insert(0, folder)
    base = importlib.import_module("core.settings.base")
    stand_in = UserSettingsHolder(global_settings)
    for name, value in vars(base).items():
        if name.isupper():
            setattr(stand_in, name, value)
    settings._wrapped = stand_in
    try:
        module = importlib.import_module("core.settings.label_studio")
    except KeyError as error:
        # Label Studio looks the database's name up in a dictionary.
        if error.args[0] not in {os.environ.get(f"{prefix}DJANGO_DB") for prefix in ENVIRONMENT_PREFIXES}:
            raise
        raise ReconfigureError(
            "DJANGO_DB names no database that Label Studio knows. Set it to sqlite, or to default for PostgreSQL."
        ) from None
    finally:
        settings._wrapped = empty
    return {name: value for name, value in vars(module).items() if name.isupper()}


def disable_telemetry() -> None:
    """Keep Label Studio from reporting to its makers unless the environment asks for it.

    The error reports of server and browser go to HumanSignal's Sentry by default, and usage to their analytics.
    Call before `load_settings`: Sentry starts while the settings are imported.
    """
    for name in ("SENTRY_DSN", "FRONTEND_SENTRY_DSN", "COLLECT_ANALYTICS", "LATEST_VERSION_CHECK"):
        set_default(name, "" if name.endswith("DSN") else "false")


def secure_defaults() -> None:
    """Set what Label Studio leaves open, unless the environment says otherwise. Call before `load_settings`.

    Browsers keep to the policy of pages (and do not only report), nobody signs up without an invitation, and pages of
    other hosts do not call the API. If the address that people type is https://…, cookies travel over that only, and
    requests for other hosts are refused.
    """
    set_default("LS_CSP_REPORT_ONLY", "false")
    set_default("DISABLE_SIGNUP_WITHOUT_LINK", "true")
    if not (variable("CORS_ALLOWED_ORIGINS") or variable("CORS_ALLOWED_ORIGIN_REGEXES")):
        set_default("CORS_ALLOW_ALL_ORIGINS", "false")
    address = urlsplit(variable("HOST") or "")
    if address.scheme in ("http", "https") and address.hostname:
        # The proxy in front may pass on another host name, or say nothing of HTTPS.
        set_default("CSRF_TRUSTED_ORIGINS", f"{address.scheme}://{address.netloc.rpartition('@')[2]}")
    if address.scheme == "https" and address.hostname:
        set_default("SESSION_COOKIE_SECURE", "1")
        set_default("CSRF_COOKIE_SECURE", "1")
        set_default("CSRF_COOKIE_HTTPONLY", "0")  # else it follows SESSION_COOKIE_SECURE, and scripts need it
        set_default("ALLOWED_HOSTS", f"{address.hostname},localhost,127.0.0.1,[::1]")


def variable(name: str) -> str | None:
    """A variable of Label Studio's, under whichever of its prefixes it is set."""
    return next((os.environ[prefix + name] for prefix in ENVIRONMENT_PREFIXES if prefix + name in os.environ), None)


def set_default(name: str, value: str) -> None:
    """Set a variable of Label Studio's that the environment does not set; call it before `load_settings`."""
    if variable(name) is None:
        os.environ[name] = value
