"""How deployments stand, for the statements, the operator's page and programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db import models
from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from projects.models import ProjectSummary
from tasks.models import Task

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.projects import label_studio_url
from polardb_bridge.storage.labels import vanished as vanished_in
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.models import RefusedResult
from polardb_bridge.storage.writeback_status import LATE_AFTER_S, unwritten

_LATE = f"results have waited for more than {LATE_AFTER_S / 60:.0f} minutes"


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
    query, filter: what is read by the name of the source in place of a table, and which of its rows become tasks.
    password: the first one; None once the user has changed it, and if it was not asked for. username: empty if the user
    was deleted.
    annotated: tasks with a submitted annotation. pending_writebacks: results that are not in their rows yet;
    parked_writebacks: of them, those that their rows refuse. late: why one that no row refuses has waited for minutes;
    empty if none has. vanished_labels: labels that stand in results and not in the labeling interface.
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
    query: str
    filter: str
    template_id: str
    rows: int
    tasks: int
    failed_rows: int
    annotated: int
    pending_writebacks: int
    parked_writebacks: int
    late: str
    vanished_labels: int
    created_at: datetime


def status_of(deployment: Deployment) -> DeploymentStatus:
    return statuses_of([deployment])[0]


def every_deployment(*, with_passwords: bool = True) -> models.QuerySet[Deployment]:
    """All of them, by name, with what statuses need."""
    found = Deployment.objects if with_passwords else Deployment.objects.without_secrets()
    return found.select_related("user", "organization", "project").order_by("name")


def all_statuses(*, with_passwords: bool = True) -> list[DeploymentStatus]:
    """Every deployment, by name."""
    return statuses_of(every_deployment(with_passwords=with_passwords), with_passwords=with_passwords)


def statuses_of(deployments: Iterable[Deployment], *, with_passwords: bool = True) -> list[DeploymentStatus]:
    """The same for several deployments, in a number of queries that does not grow with them."""
    found = list(deployments)
    counts = _counts([deployment.project_id for deployment in found if deployment.project_id])
    return [
        _status(deployment, counts.get(deployment.project_id) or _Counts(), with_password=with_passwords)
        for deployment in found
    ]


@dataclass
class _Counts:
    """What is known of a project. refused: tasks that were made without the result that their row holds."""

    storage: PolarDBImportStorage | None = None
    summary: ProjectSummary | None = None
    tasks: int = 0
    annotated: int = 0
    pending: int = 0
    parked: int = 0
    late: str = ""
    refused: int = 0


def _counts(projects: list[int]) -> dict[int, _Counts]:
    """By project."""
    counts = {project: _Counts() for project in projects}
    tasks = Task.objects.filter(project__in=projects).order_by().values("project")
    tasks = tasks.annotate(count=Count("pk"), annotated=Count("pk", filter=Q(total_annotations__gt=0)))
    for project, number, annotated in tasks.values_list("project", "count", "annotated"):
        counts[project].tasks, counts[project].annotated = number, annotated
    targets = PolarDBExportStorage.objects.filter(project__in=projects)
    # In this order: a target that is made between the two is not among the first.
    waiting = unwritten(targets)
    limit = timezone.now() - timedelta(seconds=LATE_AFTER_S)
    for storage_id, project, error in targets.values_list("pk", "project", "writeback_state__last_error"):
        of_storage = waiting.get(storage_id)
        if of_storage:
            counts[project].pending += of_storage.pending + of_storage.parked
            counts[project].parked += of_storage.parked
            if of_storage.pending and of_storage.oldest_pending and of_storage.oldest_pending < limit:
                counts[project].late = error or _LATE
    refused = RefusedResult.objects.filter(link__task__project__in=projects)
    for project in refused.values_list("link__task__project", flat=True):
        counts[project].refused += 1
    for summary in ProjectSummary.objects.filter(project__in=projects):
        counts[summary.project_id].summary = summary
    # Without the passwords, which would all be decrypted.
    for storage in PolarDBImportStorage.objects.filter(project__in=projects).defer("password"):
        counts[storage.project_id].storage = storage
    return counts


def _status(deployment: Deployment, counts: _Counts, *, with_password: bool) -> DeploymentStatus:
    storage = counts.storage
    failed_rows = int(((storage and storage.meta) or {}).get("tasks_failed_validation") or 0)
    rows = max(counts.tasks, counts.tasks + failed_rows - counts.refused)
    state, reason = _state(deployment, storage, rows)
    vanished = len(vanished_in(deployment.project, counts.summary)) if counts.summary else 0
    if state is DeploymentState.SERVING:
        reason = _what_needs_a_look(deployment.name, failed_rows, counts.parked, vanished, counts.late)
        state = DeploymentState.DEGRADED if reason else state
    return DeploymentStatus(
        name=deployment.name,
        state=state,
        reason=reason,
        url=label_studio_url() + deployment.path,
        username=deployment.user.email if deployment.user else "",
        password=deployment.reveal_password() if with_password else None,
        white_ip_name=deployment.white_ip_name,
        allowed_networks=tuple(deployment.allowed_networks),
        source=deployment.source,
        query=storage.table_mapping.query if storage else "",
        filter=storage.table_mapping.filter if storage else "",
        template_id=deployment.template_id,
        rows=deployment.rows if state is DeploymentState.DEPLOYING else rows,
        tasks=counts.tasks,
        failed_rows=failed_rows,
        annotated=counts.annotated,
        pending_writebacks=counts.pending,
        parked_writebacks=counts.parked,
        late=counts.late,
        vanished_labels=vanished,
        created_at=deployment.created_at,
    )


def _what_needs_a_look(name: str, failed_rows: int, parked: int, vanished: int, late: str) -> str:
    rows = []
    if failed_rows:
        rows.append(f"{failed_rows} {'row' if failed_rows == 1 else 'rows'} could not be read")
    if parked:
        rows.append(f"{parked} {'result' if parked == 1 else 'results'} could not be written")
    said = [f"{' and '.join(rows)}; {reverse('polardb-console:deployment', args=[name])} lists them"] if rows else []
    if vanished:
        labels = "label of results is" if vanished == 1 else "labels of results are"
        said.append(f"{vanished} {labels} not in the labeling interface; the storages of the project list them")
    if late:
        said.append(f"write-back is late: {late}")
    return "; ".join(said)


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
