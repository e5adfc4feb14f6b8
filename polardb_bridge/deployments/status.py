"""How deployments stand, for the statements, the operator's page and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db.models import Count, Q
from tasks.models import Task

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.projects import label_studio_url
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.writeback_status import unwritten


class DeploymentState(str, Enum):
    DEPLOYING = "deploying"  # not all rows are tasks yet
    SERVING = "serving"
    FAILED = "failed"
    DROPPING = "dropping"


@dataclass(frozen=True)
class DeploymentStatus:
    """One deployment.

    reason: why it failed, in one line; empty otherwise. rows: about how many there were to become tasks.
    password: the first one; None once the user has changed it. username: empty if the user was deleted.
    annotated: tasks with a submitted annotation. pending_writebacks: results that are not in their rows yet.
    """

    name: str
    state: DeploymentState
    reason: str
    url: str
    username: str
    password: str | None
    white_ip_name: str
    allowed_networks: tuple[str, ...]
    source: str
    template_id: str
    rows: int
    tasks: int
    annotated: int
    pending_writebacks: int
    created_at: datetime


def status_of(deployment: Deployment) -> DeploymentStatus:
    return statuses_of([deployment])[0]


def all_statuses() -> list[DeploymentStatus]:
    """Every deployment, by name."""
    return statuses_of(Deployment.objects.select_related("user", "organization", "project").order_by("name"))


def statuses_of(deployments: Iterable[Deployment]) -> list[DeploymentStatus]:
    """The same for several deployments, in a number of queries that does not grow with them."""
    found = list(deployments)
    projects = [deployment.project_id for deployment in found if deployment.project_id]
    tasks = {
        project: (count, annotated)
        for project, count, annotated in Task.objects.filter(project__in=projects)
        .order_by()
        .values("project")
        .annotate(count=Count("pk"), annotated=Count("pk", filter=Q(total_annotations__gt=0)))
        .values_list("project", "count", "annotated")
    }
    targets = PolarDBExportStorage.objects.filter(project__in=projects)
    project_of = dict(targets.values_list("pk", "project"))
    pending: Counter[int] = Counter()
    for storage_id, count in unwritten(targets).items():
        pending[project_of[storage_id]] += count.pending + count.parked
    storages = {storage.project_id: storage for storage in PolarDBImportStorage.objects.filter(project__in=projects)}
    return [
        _status(
            deployment,
            storages.get(deployment.project_id),
            *tasks.get(deployment.project_id, (0, 0)),
            pending[deployment.project_id],
        )
        for deployment in found
    ]


def _status(
    deployment: Deployment, storage: PolarDBImportStorage | None, tasks: int, annotated: int, pending: int
) -> DeploymentStatus:
    state, reason = _state(deployment, storage, tasks)
    return DeploymentStatus(
        name=deployment.name,
        state=state,
        reason=reason,
        url=label_studio_url() + deployment.path,
        username=deployment.user.email if deployment.user else "",
        password=deployment.reveal_password(),
        white_ip_name=deployment.white_ip_name,
        allowed_networks=tuple(deployment.allowed_networks),
        source=deployment.source,
        template_id=deployment.template_id,
        rows=deployment.rows,
        tasks=tasks,
        annotated=annotated,
        pending_writebacks=pending,
        created_at=deployment.created_at,
    )


def _state(deployment: Deployment, storage: PolarDBImportStorage | None, tasks: int) -> tuple[DeploymentState, str]:
    """The state, and why it failed."""
    if deployment.is_dropping:
        return DeploymentState.DROPPING, ""
    for part in ("project", "user", "organization"):
        if getattr(deployment, f"{part}_id") is None:
            return DeploymentState.FAILED, f"its {part} was deleted in Label Studio; drop and deploy it again"
    if storage is None:
        return DeploymentState.FAILED, "its import storage was deleted in Label Studio; drop and deploy it again"
    if storage.status == storage.Status.FAILED:
        traceback = (storage.traceback or "").strip().splitlines()
        reason = traceback[-1] if traceback else "the sync stopped unexpectedly; sync the storage again"
        return DeploymentState.FAILED, reason
    # While rows are synced again, the last sync has no end either.
    if storage.last_sync is None and tasks < deployment.rows:
        return DeploymentState.DEPLOYING, ""
    return DeploymentState.SERVING, ""
