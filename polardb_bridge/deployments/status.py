"""How deployments stand, for the statements, the operator's page and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from django.db.models import Count, Q
from projects.models import ProjectSummary
from tasks.models import Task

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.projects import label_studio_url
from polardb_bridge.storage.labels import vanished as vanished_in
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.models import RefusedResult
from polardb_bridge.storage.writeback_status import unwritten


class DeploymentState(str, Enum):
    DEPLOYING = "deploying"  # not all rows are tasks yet
    SERVING = "serving"
    DEGRADED = "degraded"  # it serves, and something needs a look
    FAILED = "failed"
    DROPPING = "dropping"


@dataclass(frozen=True)
class DeploymentStatus:
    """One deployment.

    reason: why it failed or is degraded, in one line; empty otherwise. rows: how many there are to become tasks, as far
    as is known. failed_rows: of them, those that the last sync could not read.
    password: the first one; None once the user has changed it. username: empty if the user was deleted.
    annotated: tasks with a submitted annotation. pending_writebacks: results that are not in their rows yet;
    parked_writebacks: of them, those that their rows refuse. vanished_labels: labels that stand in results and not in
    the labeling interface.
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
    failed_rows: int
    annotated: int
    pending_writebacks: int
    parked_writebacks: int
    vanished_labels: int
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
    parked: Counter[int] = Counter()
    for storage_id, count in unwritten(targets).items():
        pending[project_of[storage_id]] += count.pending + count.parked
        parked[project_of[storage_id]] += count.parked
    refused = Counter(
        RefusedResult.objects.filter(link__task__project__in=projects).values_list("link__task__project", flat=True)
    )
    summaries = {summary.project_id: summary for summary in ProjectSummary.objects.filter(project__in=projects)}
    storages = {storage.project_id: storage for storage in PolarDBImportStorage.objects.filter(project__in=projects)}
    return [
        _status(
            deployment,
            storages.get(deployment.project_id),
            summaries.get(deployment.project_id),
            *tasks.get(deployment.project_id, (0, 0)),
            pending[deployment.project_id],
            parked[deployment.project_id],
            refused[deployment.project_id],
        )
        for deployment in found
    ]


def _status(
    deployment: Deployment,
    storage: PolarDBImportStorage | None,
    summary: ProjectSummary | None,
    tasks: int,
    annotated: int,
    pending: int,
    parked: int,
    refused: int,
) -> DeploymentStatus:
    """refused: tasks that were made without the result that their row holds."""
    failed_rows = int(((storage and storage.meta) or {}).get("tasks_failed_validation") or 0)
    rows = max(tasks, tasks + failed_rows - refused)
    state, reason = _state(deployment, storage, rows)
    vanished = len(vanished_in(deployment.project, summary)) if summary else 0
    if state is DeploymentState.SERVING and (failed_rows or parked or vanished):
        state, reason = DeploymentState.DEGRADED, _what_needs_a_look(failed_rows, parked, vanished)
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
        rows=deployment.rows if state is DeploymentState.DEPLOYING else rows,
        tasks=tasks,
        failed_rows=failed_rows,
        annotated=annotated,
        pending_writebacks=pending,
        parked_writebacks=parked,
        vanished_labels=vanished,
        created_at=deployment.created_at,
    )


def _what_needs_a_look(failed_rows: int, parked: int, vanished: int) -> str:
    said = []
    if failed_rows:
        said.append(f"{failed_rows} {'row' if failed_rows == 1 else 'rows'} could not be read")
    if parked:
        said.append(f"{parked} {'result' if parked == 1 else 'results'} could not be written")
    if vanished:
        labels = "label of results is" if vanished == 1 else "labels of results are"
        said.append(f"{vanished} {labels} not in the labeling interface")
    return " and ".join(said) + "; the storages of the project list them"


def _state(deployment: Deployment, storage: PolarDBImportStorage | None, seen: int) -> tuple[DeploymentState, str]:
    """The state, and why it failed. seen: rows that the sync has dealt with."""
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
    if storage.last_sync is None and seen < deployment.rows:
        return DeploymentState.DEPLOYING, ""
    return DeploymentState.SERVING, ""
