"""What DROP DEPLOYMENT does: unwritten results first, then all that the deployment consists of; rows stay."""

from __future__ import annotations

import logging

from data_export.models import Export
from data_import.models import FileUpload
from django.db import transaction
from projects.models import Project
from tasks.models import Annotation, Task

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import NoSuchDeploymentError, RetryableError
from polardb_bridge.label_studio.tasks import delete_tasks
from polardb_bridge.label_studio.tenancy import delete_organization
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.storage.sync.stopping import wait_until_none_runs
from polardb_bridge.storage.writeback_status import unwritten
from polardb_bridge.webhooks import outbox, sequence
from polardb_bridge.webhooks.delivery import deliver_everything

logger = logging.getLogger(__name__)

_BATCH_SIZE = 500


def drop(deployment: Deployment, *, force: bool = False) -> int:
    """Remove the deployment with all that was created for it; rows and their results stay.

    Results that are not in their rows yet are written first. An interrupted drop is completed by the next one.

    force: remove it although results cannot be written.

    Returns:
        How many rows were left without their newest result; 0 unless forced.

    Raises:
        RetryableError: results cannot be written now; the deployment stays, with every task whose result is unwritten.
        NoSuchDeploymentError: another drop was quicker.
    """
    _close(deployment, closed=True)
    try:
        lost = _write_pending(deployment, force=force)
        _remove_tasks(deployment, force=force)
    except RetryableError:
        _close(deployment, closed=False)
        raise
    with transaction.atomic():
        current = Deployment.objects.select_for_update().filter(pk=deployment.pk).first()
        if current is None:
            raise NoSuchDeploymentError(f"The deployment {deployment.name!r} no longer exists.")
        _remove(current)
    logger.info("Deployment %s is dropped", deployment.name)
    return lost


def _close(deployment: Deployment, *, closed: bool) -> None:
    """Let nobody in and stop syncs; or undo that."""
    Deployment.objects.filter(pk=deployment.pk).update(is_dropping=closed)
    storages = PolarDBImportStorage.objects.filter(project=deployment.project_id)
    storages.update(synchronizable=not closed)
    if closed:
        wait_until_none_runs(storages)


def _write_pending(deployment: Deployment, *, force: bool) -> int:
    storages = PolarDBExportStorage.objects.filter(project=deployment.project_id)
    reports = [
        deliver_everything(storage_id, retry_parked=True)[storage_id] for storage_id in sorted(unwritten(storages))
    ]
    left = sum(found.pending + found.parked for found in unwritten(storages).values())
    if left and not force:
        why = next((report.error for report in reports if report.error), "their rows are missing or cannot hold them")
        raise RetryableError(
            f"{left} results of {deployment.name!r} are not in their rows yet: {why.rstrip('.')}. "
            "Repeat DROP DEPLOYMENT later, or give them up with WITH (force='true')."
        )
    return left


def _remove_tasks(deployment: Deployment, *, force: bool) -> None:
    """Remove the tasks in parts; results that were submitted meanwhile are written first."""
    storages = PolarDBExportStorage.objects.filter(project=deployment.project_id)
    while True:
        with transaction.atomic():
            tasks = Task.objects.filter(project=deployment.project_id).order_by("pk").select_for_update()
            ids = list(tasks.values_list("pk", flat=True)[:_BATCH_SIZE])
            if not ids:
                return
            # Who is changing one of them now is waited for: from here on, every change that was saved has its mark.
            annotations = Annotation.objects.filter(task__in=ids).order_by("pk").select_for_update()
            annotation_ids = list(annotations.values_list("pk", flat=True))
            removable = force or not outbox.dirty(storages, ids)
            if removable:
                sequence.forget(annotation_ids)
                delete_tasks(ids)
        if not removable:
            _write_pending(deployment, force=force)


def _remove(deployment: Deployment) -> None:
    organization, user, project = deployment.organization, deployment.user, deployment.project
    deployment.delete()
    storages = PolarDBImportStorage.objects.filter(project=project)
    KnownTable.objects.filter(storage_id__in=list(storages.values_list("pk", flat=True))).delete()
    if project:
        for stored in (*FileUpload.objects.filter(project=project), *Export.objects.filter(project=project)):
            stored.file.delete(save=False)
        project.delete()
    if organization:
        for other in Project.objects.filter(organization=organization):
            other.delete()
        delete_organization(organization)
    if user:
        user.delete()
    outbox.drop_gone()
