"""How deployments stand: the rows of SHOW DEPLOYMENT."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q
from tasks.models import Task

from polardb_bridge.deployments.lifecycle import reveal_password
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.provision import label_studio_url
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.webhooks.models import PendingWriteback

CHANGED_PASSWORD = "(changed)"  # noqa: S105  # what stands in place of one


@dataclass(frozen=True)
class DeploymentRow:
    """A row of SHOW DEPLOYMENT; the fields are its columns, in order.

    status: `Deploying n/total` until all rows are tasks, `Serving`, `Failed: why`, or `Dropping`.
    password: the first one, until the user changes it. annotated: tasks with a submitted annotation.
    pending_writebacks: results that are not in their rows yet.
    """

    deployment_name: str
    status: str
    request_path: str
    username: str
    password: str
    white_ip_name: str
    annotation_source: str
    annotation_template_id: str
    tasks: int
    annotated: int
    pending_writebacks: int
    created_at: datetime


def describe(deployment: Deployment) -> DeploymentRow:
    return describe_all([deployment])[0]


def describe_all(deployments: Iterable[Deployment]) -> list[DeploymentRow]:
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
    pending = dict(
        PendingWriteback.objects.filter(storage__project__in=projects)
        .order_by()
        .values("storage__project")
        .annotate(count=Count("pk"))
        .values_list("storage__project", "count")
    )
    storages = {storage.project_id: storage for storage in PolarDBImportStorage.objects.filter(project__in=projects)}
    return [
        _row(
            deployment,
            storages.get(deployment.project_id),
            *tasks.get(deployment.project_id, (0, 0)),
            pending.get(deployment.project_id, 0),
        )
        for deployment in found
    ]


def all_deployments() -> Sequence[Deployment]:
    """Every deployment by name, with what `describe_all` needs."""
    return list(Deployment.objects.select_related("user", "organization", "project").order_by("name"))


def _row(
    deployment: Deployment, storage: PolarDBImportStorage | None, tasks: int, annotated: int, pending: int
) -> DeploymentRow:
    password = reveal_password(deployment)
    return DeploymentRow(
        deployment_name=deployment.name,
        status=_status(deployment, storage, tasks),
        request_path=label_studio_url() + deployment.path,
        username=deployment.user.email if deployment.user else "",
        password=(password or CHANGED_PASSWORD) if deployment.user else "",
        white_ip_name=deployment.white_ip_name,
        annotation_source=deployment.source,
        annotation_template_id=deployment.template_id,
        tasks=tasks,
        annotated=annotated,
        pending_writebacks=pending,
        created_at=deployment.created_at,
    )


def _status(deployment: Deployment, storage: PolarDBImportStorage | None, tasks: int) -> str:
    if deployment.is_dropping:
        return "Dropping"
    for part in ("project", "user", "organization"):
        if getattr(deployment, f"{part}_id") is None:
            return f"Failed: its {part} was deleted in Label Studio; drop and deploy it again"
    if storage is None:
        return "Failed: its import storage was deleted in Label Studio; drop and deploy it again"
    if storage.status == storage.Status.FAILED:
        reason = (storage.traceback or "").strip().splitlines()
        return f"Failed: {reason[-1] if reason else 'the sync broke off; sync the storage again'}"
    # While rows are synced again, the last sync has no end either.
    if storage.last_sync is None and tasks < deployment.rows:
        return f"Deploying {tasks}/{deployment.rows}"
    return "Serving"
