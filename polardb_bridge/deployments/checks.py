"""System checks of deployments."""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.db import DatabaseError

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.storage.models import PolarDBExportStorage


def check_deployments(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Name deployments that write the same table by different addresses."""
    if not databases:
        return []
    try:
        names = dict(Deployment.objects.filter(project__isnull=False).values_list("project", "name"))
        targets = list(PolarDBExportStorage.objects.filter(project__in=list(names)).defer("password").order_by("pk"))
    except DatabaseError:
        return []  # before the first migration
    by_table: dict[str, list[str]] = {}
    for target in targets:
        if target.identity:
            by_table.setdefault(str(target.identity), []).append(names[target.project_id])
    return [
        checks.Warning(
            f"The deployments {', '.join(found)} write the same table, in turns.",
            hint="Drop all of them but one.",
            id="polardb_bridge.W021",
        )
        for found in by_table.values()
        if len(found) > 1
    ]
