"""What DEPLOY MODEL does: everything in one transaction, or nothing."""

from __future__ import annotations

import logging
import secrets
import string
from dataclasses import replace

from django.db import IntegrityError, transaction
from django.db.models import Q
from organizations.models import Organization
from users.models import User

from polardb_bridge.deployments.models import LOGIN_DOMAIN, Deployment
from polardb_bridge.deployments.projects import check_title, create_project, prepare
from polardb_bridge.errors import DeploymentExistsError, InvalidInputError
from polardb_bridge.label_studio.tasks import acting_user
from polardb_bridge.statements.names import ALLOW_LIST_PREFIX, is_name, name_rule
from polardb_bridge.statements.syntax import DEFAULT_TITLE, DeployModel
from polardb_bridge.storage.owners import check_table_is_free
from polardb_bridge.table.identity import TableIdentity
from polardb_bridge.table.parameters import ConnectionParameters

logger = logging.getLogger(__name__)

PASSWORD_LENGTH = 20


def deploy(statement: DeployModel, parameters: ConnectionParameters) -> Deployment:
    """Make the deployment for a table of the server `parameters`, and have its rows synced in the background.

    Raises:
        DeploymentExistsError: the name is taken, or the table by another deployment.
        TableTakenError: a project has the table.
        BridgeError: a name, the title, the template or the table is unfit, or the database cannot be reached.
    """
    title = _checked_title(statement)
    database = statement.database or parameters.database
    table_address = replace(parameters, database=database).table_address(statement.source)
    _check_free(statement, table_address)
    prepared = prepare(
        parameters,
        template=statement.template_id,
        source=statement.source,
        asked=statement.mapping,
        result_table=statement.result_table,
        database=database,
    )
    _check_free(statement, table_address, prepared.identity)
    password = random_password()
    try:
        with transaction.atomic():
            # First: of two at once, the second fails here.
            deployment: Deployment = Deployment.objects.create(
                name=statement.name,
                template_id=statement.template_id,
                source=statement.source if database == parameters.database else f"{database}.{statement.source}",
                table_address=table_address,
                table_identity=str(prepared.identity),
                rows=prepared.rows,
            )
            user = deployment.user = User.objects.create_user(
                f"{statement.name.lower()}@{LOGIN_DOMAIN}", password, username=statement.name
            )
            organization = Organization.create_organization(created_by=user, title=statement.name)
            user.active_organization = deployment.organization = organization
            user.save(update_fields=["active_organization"])
            with acting_user(user):
                made = create_project(
                    prepared.parameters,
                    source=statement.source,
                    prepared=prepared,
                    title=title,
                    organization=organization,
                    owner=user,
                    image_delivery=statement.image_delivery,
                    existing_annotations=statement.existing_annotations,
                )
            deployment.project = made.project
            deployment.first_password = password
            deployment.first_password_hash = user.password
            deployment.save()
            if made.import_storage:
                transaction.on_commit(made.import_storage.sync)
    except IntegrityError:
        _check_free(statement, table_address, prepared.identity)
        if prepared.writes_rows:
            check_table_is_free(prepared.parameters, statement.source, prepared.identity)
        raise
    logger.info("Deployment %s serves %s", deployment.name, statement.source)
    return deployment


def _checked_title(statement: DeployModel) -> str:
    """The project's title, once the statement's names make sense."""
    if not is_name(statement.name):
        raise InvalidInputError(f"The deployment name {statement.name!r} is not valid: use {name_rule()}.")
    if statement.name.lower().startswith(ALLOW_LIST_PREFIX):
        raise InvalidInputError(
            f"The deployment name {statement.name!r} begins with {ALLOW_LIST_PREFIX!r}, as names of allow-lists do: "
            "choose another."
        )
    return check_title(statement.title or DEFAULT_TITLE)


def _check_free(statement: DeployModel, table_address: str, identity: TableIdentity | None = None) -> None:
    if Deployment.objects.filter(name__iexact=statement.name).exists():
        raise DeploymentExistsError(f"There already is a deployment {statement.name!r}.")
    same = Q(table_address=table_address)
    if identity:
        same |= Q(table_identity=str(identity))
    # One that is being removed may have no storages any more.
    taken = Deployment.objects.filter(same).first()
    if taken:
        raise table_is_deployed(statement.source, taken.name)


def table_is_deployed(table: str, deployment: str) -> DeploymentExistsError:
    """The error for a table that has a deployment, of this name."""
    return DeploymentExistsError(
        f"The table {table!r} already belongs to the deployment {deployment!r}; drop that one first."
    )


def random_password() -> str:
    """A first password, as deployments' users are given."""
    # Without characters that look alike.
    alphabet = "".join(set(string.ascii_letters + string.digits) - set("0O1lI"))
    return "".join(secrets.choice(alphabet) for _ in range(PASSWORD_LENGTH))
