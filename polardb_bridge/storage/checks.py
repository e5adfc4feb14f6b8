"""System checks of what is stored: `polardb-bridge manage check --database default`, and every `migrate`."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.db import DatabaseError

from polardb_bridge.storage.matching import goes_nowhere
from polardb_bridge.storage.models import PolarDBExportStorage


def check_targets(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Name the targets whose results go nowhere."""
    if not databases:
        return []
    try:
        lost = [target for target in PolarDBExportStorage.objects.defer("password") if goes_nowhere(target)]
    except DatabaseError:
        return []  # before the first migration
    return [
        checks.Warning(
            f"Results of the target storage {target.pk} go nowhere: no source of its project reads its table.",
            hint="Point the target at the table of a source, or the source at the table of the target.",
            id="polardb_bridge.W020",
        )
        for target in lost
    ]
