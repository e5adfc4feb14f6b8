"""System checks: what `polardb-bridge manage check` and every start of the server tell about this installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from polardb_bridge.conf import configuration
from polardb_bridge.label_studio.frontend import WIZARD_ENVIRONMENT


def check_storage_form(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Say if the Cloud Storage page does not open the wizard for a PolarDB table."""
    if settings.FRONTEND_SENTRY_ENVIRONMENT == WIZARD_ENVIRONMENT:
        return []  # `manage migrate` and others print what checks say, each time
    return [
        checks.Warning(
            "The Cloud Storage page adds PolarDB tables with Label Studio's older form.",
            hint="All storages can be added, edited and deleted there. The wizard is back with a version of Label "
            "Studio whose wizard this version of PolarDB Bridge knows, and without FRONTEND_SENTRY_ENVIRONMENT in "
            "the environment.",
            id="polardb_bridge.W001",
        )
    ]


def check_database(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Say that commands and statements have no database, although the server serves."""
    problem = configuration().database_problem
    if not problem:
        return []
    return [
        checks.Warning(
            problem,
            hint="Correct it and start again. Until then, people can label in the projects that there are, but "
            "commands and statements of deployments reach no database.",
            id="polardb_bridge.W002",
        )
    ]


def check_what_is_open(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Name what is open to attacks although it need not be: `polardb-bridge manage check --deploy`."""
    middleware = " ".join(settings.MIDDLEWARE)
    found = [
        (
            "HumanSignalCspMiddleware" not in middleware or settings.CSP_REPORT_ONLY,
            "Browsers run scripts that somebody put into tasks.",
            "Remove ENABLE_CSP and LS_CSP_REPORT_ONLY from the environment.",
        ),
        (
            not settings.DISABLE_SIGNUP_WITHOUT_LINK,
            "Anybody may sign up while there is no deployment.",
            "Remove DISABLE_SIGNUP_WITHOUT_LINK from the environment.",
        ),
        (
            getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False),
            "Pages of every host may call the API.",
            "Remove CORS_ALLOW_ALL_ORIGINS from the environment, or list hosts in CORS_ALLOWED_ORIGINS.",
        ),
        (
            not str(settings.HOSTNAME).startswith("https://"),
            "Passwords and sessions travel unencrypted.",
            "Serve Label Studio behind HTTPS, and set LABEL_STUDIO_HOST to its https:// address.",
        ),
        (
            "*" in settings.ALLOWED_HOSTS,
            "Requests for any host are answered.",
            "Set LABEL_STUDIO_HOST to an https:// address, or ALLOWED_HOSTS.",
        ),
        (
            not settings.SSRF_PROTECTION_ENABLED or not settings.ML_BLOCK_LOCAL_IP,
            "Members may have this server connect to hosts of its own network.",
            "Remove SSRF_PROTECTION_ENABLED from the environment, set ML_BLOCK_LOCAL_IP=true, and list the hosts that "
            "storages need in POLARDB_ALLOWED_HOSTS.",
        ),
        (
            configuration().legacy_tokens_of_administrators,
            "Legacy tokens of administrators never end, and let in.",
            "Remove POLARDB_LEGACY_TOKENS_OF_ADMINISTRATORS from the environment.",
        ),
        (
            "*" in configuration().frame_ancestors,
            "Pages of every host may show Label Studio in a frame.",
            "List hosts in POLARDB_FRAME_ANCESTORS.",
        ),
        (
            configuration().are_patterns_trusted,
            "Members may have a sync match names by patterns that take for ever.",
            "Remove POLARDB_TRUST_PATTERNS from the environment.",
        ),
    ]
    return [
        checks.Warning(message, hint=hint, id=f"polardb_bridge.W{number:03}")
        for number, (is_open, message, hint) in enumerate(found, start=10)
        if is_open
    ]
