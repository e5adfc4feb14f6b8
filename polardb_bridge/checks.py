"""System checks: what `polardb-bridge manage check` and every start of the server tell about this installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks

from polardb_bridge.label_studio.frontend import WIZARD_ENVIRONMENT


def check_storage_form(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Say which form the Cloud Storage page opens for a PolarDB table."""
    if settings.FRONTEND_SENTRY_ENVIRONMENT == WIZARD_ENVIRONMENT:
        return [
            checks.Info(
                "The Cloud Storage page adds PolarDB tables with Label Studio's storage wizard.",
                id="polardb_bridge.I001",
            )
        ]
    return [
        checks.Warning(
            "The Cloud Storage page adds PolarDB tables with Label Studio's older form.",
            hint="All storages can be added, edited and deleted there. The wizard is back with a version of Label "
            "Studio whose wizard this version of PolarDB Bridge knows, and without FRONTEND_SENTRY_ENVIRONMENT in "
            "the environment.",
            id="polardb_bridge.W001",
        )
    ]
