"""Making and removing deployments; each as a whole or not at all."""

from __future__ import annotations

import logging
import re
import secrets
import string
from dataclasses import dataclass

from data_export.models import Export
from data_import.models import FileUpload
from django.conf import settings
from django.db import IntegrityError, transaction
from organizations.models import Organization
from projects.models import Project
from tasks.models import Task
from users.models import User

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.provision import create_project, prepare
from polardb_bridge.deployments.statements import LONGEST_NAME
from polardb_bridge.errors import (
    DeploymentExistsError,
    InvalidInputError,
    NoSuchDeploymentError,
    RetryableError,
)
from polardb_bridge.label_studio import acting_user, delete_organization
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.table.connection import ConnectionParameters, connect
from polardb_bridge.table.size import read_table_size
from polardb_bridge.webhooks.delivery import deliver_everything
from polardb_bridge.webhooks.models import PendingWriteback

logger = logging.getLogger(__name__)

PASSWORD_LENGTH = 20
LOGIN_DOMAIN = "deployments.local"
_REMOVED_AT_ONCE = 500


@dataclass(frozen=True)
class DeployRequest:
    """What DEPLOY MODEL asks for. template_id: id or name of a row of `annotation_template`. source: table name.

    title: of the project; the deployment's name where None. The others are fields of `PolarDBImportStorage`.
    """

    name: str
    template_id: str
    source: str
    title: str | None = None
    image_delivery: str = "auto"
    existing_annotations: str = "annotations"


def find(name: str) -> Deployment:
    """The deployment of that name, in either case.

    Raises:
        NoSuchDeploymentError: there is none.
    """
    deployment: Deployment | None = Deployment.objects.filter(name__iexact=name).first()
    if deployment is None:
        raise NoSuchDeploymentError(f"There is no deployment {name!r}. SHOW DEPLOYMENTS lists them.")
    return deployment


def deploy(request: DeployRequest, parameters: ConnectionParameters) -> Deployment:
    """Make the deployment for a table of the database `parameters`, and have its rows synced in the background.

    Raises:
        DeploymentExistsError: the name or the table is taken.
        BridgeError: the request, the template or the table is unfit, or the database cannot be reached.
    """
    title = _checked(request)
    _check_free(request, parameters)
    config = prepare(parameters, template=request.template_id, source=request.source)
    with connect(parameters) as connection:
        rows = read_table_size(connection, request.source).rows
    password = _random_password()
    try:
        with transaction.atomic():
            # First: of two at once, the second fails here.
            deployment: Deployment = Deployment.objects.create(
                name=request.name,
                template_id=request.template_id,
                source=request.source,
                address=address_of(request.source, parameters),
                rows=rows,
            )
            user = deployment.user = User.objects.create_user(
                f"{request.name.lower()}@{LOGIN_DOMAIN}", password, username=request.name
            )
            organization = Organization.create_organization(created_by=user, title=request.name)
            user.active_organization = deployment.organization = organization
            user.save(update_fields=["active_organization"])
            with acting_user(user):
                deployment.project, storage, _ = create_project(
                    parameters,
                    source=request.source,
                    labeling_config=config,
                    title=title,
                    organization=organization,
                    owner=user,
                    image_delivery=request.image_delivery,
                    existing_annotations=request.existing_annotations,
                )
            deployment.first_password = password
            deployment.first_password_hash = user.password
            deployment.save()
            transaction.on_commit(storage.sync)
    except IntegrityError:
        _check_free(request, parameters)
        raise
    logger.info("Deployment %s serves %s", deployment.name, request.source)
    return deployment


def _checked(request: DeployRequest) -> str:
    """The project's title, once the request makes sense."""
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}", request.name):
        raise InvalidInputError(
            f"The deployment name {request.name!r} is not of 1 to {LONGEST_NAME} letters, digits, '_' and '-'."
        )
    for option, choices in (
        ("image_delivery", PolarDBImportStorage.ImageDelivery.values),
        ("existing_annotations", PolarDBImportStorage.ExistingAnnotations.values),
    ):
        if getattr(request, option) not in choices:
            raise InvalidInputError(f"{option} {getattr(request, option)!r} is not one of {', '.join(choices)}.")
    shortest, longest = settings.PROJECT_TITLE_MIN_LEN, settings.PROJECT_TITLE_MAX_LEN
    if request.title is None:
        # A name may be shorter and longer than Label Studio's titles.
        return request.name[:longest] if len(request.name) >= shortest else f"deployment {request.name}"
    if not shortest <= len(request.title) <= longest:
        raise InvalidInputError(f"The title {request.title!r} does not have {shortest} to {longest} characters.")
    return request.title


def _check_free(request: DeployRequest, parameters: ConnectionParameters) -> None:
    if Deployment.objects.filter(name__iexact=request.name).exists():
        raise DeploymentExistsError(f"There is a deployment {request.name!r} already.")
    taken = Deployment.objects.filter(address=address_of(request.source, parameters)).first()
    if taken:
        raise DeploymentExistsError(
            f"The table {request.source} is labeled in the deployment {taken.name!r} already; drop that one first."
        )


def address_of(source: str, parameters: ConnectionParameters) -> str:
    """Where a table is: `Deployment.address`."""
    return f"{parameters.host.lower()}:{parameters.port}/{parameters.database}.{source}"


def _random_password() -> str:
    # Without characters that look alike.
    alphabet = "".join(set(string.ascii_letters + string.digits) - set("0O1lI"))
    return "".join(secrets.choice(alphabet) for _ in range(PASSWORD_LENGTH))


def reveal_password(deployment: Deployment) -> str | None:
    """The first password while it is still valid; None once the user has changed it, and then it is forgotten."""
    if not deployment.first_password or deployment.user is None:
        return None
    if deployment.user.password != deployment.first_password_hash:
        # The hash also changes when Django strengthens it at a login.
        still_valid = deployment.user.check_password(deployment.first_password)
        deployment.first_password = deployment.first_password if still_valid else None
        deployment.first_password_hash = deployment.user.password
        deployment.save(update_fields=["first_password", "first_password_hash"])
    password: str | None = deployment.first_password
    return password


def drop(deployment: Deployment, *, force: bool = False) -> int:
    """Remove the deployment with all that was made for it; rows and their results stay.

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
            raise NoSuchDeploymentError(f"There is no deployment {deployment.name!r} any more.")
        _remove(current)
    logger.info("Deployment %s is dropped", deployment.name)
    return lost


def _close(deployment: Deployment, *, closed: bool) -> None:
    """Let nobody in and stop syncs; or undo that."""
    Deployment.objects.filter(pk=deployment.pk).update(is_dropping=closed)
    PolarDBImportStorage.objects.filter(project=deployment.project_id).update(synchronizable=not closed)


def _write_pending(deployment: Deployment, *, force: bool) -> int:
    marks = PendingWriteback.objects.filter(storage__project=deployment.project_id)
    reports = []
    for storage in PolarDBExportStorage.objects.filter(project=deployment.project_id):
        if marks.filter(storage=storage).exists():
            reports.append(deliver_everything(storage.pk, retry_failed=True)[storage.pk])
    left: int = marks.count()
    if left and not force:
        why = next((report.error for report in reports if report.error), "their rows are gone or cannot take them.")
        raise RetryableError(
            f"{left} results of {deployment.name!r} are not in their rows yet: {why} "
            "Repeat DROP DEPLOYMENT later, or lose them by WITH (force='true')."
        )
    return left


def _remove_tasks(deployment: Deployment, *, force: bool) -> None:
    """Remove the tasks in parts; results that were submitted meanwhile are written first."""
    while True:
        with transaction.atomic():
            tasks = Task.objects.filter(project=deployment.project_id).order_by("pk").select_for_update()
            ids = list(tasks.values_list("pk", flat=True)[:_REMOVED_AT_ONCE])
            if not ids:
                return
            removable = force or not PendingWriteback.objects.filter(task__in=ids).exists()
            if removable:
                Task.delete_tasks_without_signals_from_task_ids(ids)
        if not removable:
            _write_pending(deployment, force=force)


def _remove(deployment: Deployment) -> None:
    organization, user, project = deployment.organization, deployment.user, deployment.project
    deployment.delete()
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
