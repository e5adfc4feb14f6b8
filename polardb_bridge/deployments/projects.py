"""A template and a source table to a project that is ready for labeling."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from organizations.models import Organization
from projects.models import Project
from users.models import User

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.deployments.interfaces import checked_config
from polardb_bridge.deployments.tenancy.organizations import ensure_organization
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.label_studio.tasks import acting_user
from polardb_bridge.storage.identity import known_as
from polardb_bridge.storage.image_field import image_field
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, stored_parameters
from polardb_bridge.storage.owners import check_table_is_free
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.connection import connect
from polardb_bridge.table.identity import TableIdentity, read_identity
from polardb_bridge.table.mapping import DOCUMENTED, NOTHING_ASKED, AskedMapping, TableMapping
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.privileges import check_select, check_update
from polardb_bridge.table.schema import labeling_warnings, open_table, source_table, validate_table
from polardb_bridge.table.size import read_table_size
from polardb_bridge.table.templates import find_template
from polardb_bridge.web import served

logger = logging.getLogger(__name__)

DEFAULT_NAME = "my_project"


def label_studio_url() -> str:
    """Where people find Label Studio, without a slash at the end; from LABEL_STUDIO_HOST if that is set."""
    return str(settings.HOSTNAME or f"http://localhost:{served.port()}").rstrip("/")


def check_title(title: str) -> str:
    """Return `title` if Label Studio takes it as a project's title.

    Raises:
        InvalidInputError: it is too short or too long.
    """
    shortest, longest = settings.PROJECT_TITLE_MIN_LEN, settings.PROJECT_TITLE_MAX_LEN
    if not shortest <= len(title) <= longest:
        raise InvalidInputError(f"The project's title {title!r} must have {shortest} to {longest} characters.")
    return title


@dataclass(frozen=True)
class ProvisionedProject:
    """A project with its storages. created: False if it was there already; then nothing was changed."""

    project: Project
    import_storage: PolarDBImportStorage | None
    export_storage: PolarDBExportStorage | None
    created: bool

    @property
    def url(self) -> str:
        """Where people label."""
        return f"{label_studio_url()}/projects/{self.project.pk}/data"


def provision_project(
    parameters: ConnectionParameters,
    *,
    template: str,
    source: str,
    name: str = DEFAULT_NAME,
    owner: User | None = None,
    image_delivery: ImageDelivery = ImageDelivery.AUTO,
    asked: AskedMapping = NOTHING_ASKED,
) -> ProvisionedProject:
    """Create the project `name` for the table `source` with the labels of `template`; all of it or nothing.

    template: id or name of a row of `annotation_template`. owner: the first user if None. asked: which columns are
    what; nothing: the documented layout.

    Raises:
        BridgeError: the template, table, name or user is unknown or unfit, or the database cannot be reached.
    """
    check_title(name)
    owner = owner or _first_user()
    organization = ensure_organization(owner)
    existing = _existing(name, organization)
    if existing:
        return existing
    prepared = prepare(parameters, template=template, source=source, asked=asked)
    try:
        with transaction.atomic(), acting_user(owner):
            created = create_project(
                parameters,
                source=source,
                prepared=prepared,
                title=name,
                organization=organization,
                owner=owner,
                image_delivery=image_delivery,
            )
    except IntegrityError:
        # Of two at once, the second fails here.
        existing = _existing(name, organization)
        if existing:
            return existing
        check_table_is_free(parameters, source, prepared.identity)
        raise
    return ProvisionedProject(*created, created=True)


def _existing(name: str, organization: Organization) -> ProvisionedProject | None:
    project = Project.objects.filter(title=name, organization=organization).first()
    return ProvisionedProject(project, *_storages(project), created=False) if project else None


@dataclass(frozen=True)
class PreparedTable:
    """A source table that can be labeled. rows: how many it has, about if they are many."""

    labeling_config: str
    rows: int
    identity: TableIdentity
    mapping: TableMapping


def prepare(
    parameters: ConnectionParameters, *, template: str, source: str, asked: AskedMapping = NOTHING_ASKED
) -> PreparedTable:
    """Check that the table `source` can be labeled with `template`.

    asked: which columns are what; nothing: the documented layout.

    Raises:
        TableTakenError: a target writes that table already.
        BridgeError: the template or table is unknown or unfit, or the database cannot be reached.
    """
    check_table_is_free(parameters, source)
    with connect(parameters) as connection:
        identity = read_identity(connection, source)
        check_table_is_free(parameters, source, identity)
        chosen = find_template(connection, template)
        mapping = DOCUMENTED if asked.is_nothing else complete(asked, open_table(connection, source))
        table = source_table(source, mapping)
        found = validate_table(connection, table, to_write=True)
        check_select(connection, table)
        check_update(connection, table)
        rows = read_table_size(connection, table).rows
        warnings = labeling_warnings(connection, found, mapping)
    config = checked_config(chosen.schema, template)
    image_field(config, mapping)
    for warning in warnings:
        logger.warning("Table %s: %s", source, warning)
    return PreparedTable(config, rows, identity, mapping)


def create_project(
    parameters: ConnectionParameters,
    *,
    source: str,
    prepared: PreparedTable,
    title: str,
    organization: Organization,
    owner: User,
    image_delivery: ImageDelivery = ImageDelivery.AUTO,
    existing_annotations: ExistingAnnotations = ExistingAnnotations.ANNOTATIONS,
) -> tuple[Project, PolarDBImportStorage, PolarDBExportStorage]:
    """A project with its two storages; call it in a transaction."""
    project = Project.objects.create(
        title=title,
        label_config=prepared.labeling_config,
        organization=organization,
        created_by=owner,
        is_published=True,
    )
    where = {
        "project": project,
        "title": source,
        "table": source,
        "mapping": prepared.mapping.to_json(),
        "known_as": known_as(parameters.table_address(source), prepared.identity),
        "owned_table": prepared.identity.key,
        **stored_parameters(parameters),
    }
    import_storage = PolarDBImportStorage.objects.create(
        **where, image_delivery=image_delivery, existing_annotations=existing_annotations
    )
    export_storage = PolarDBExportStorage.objects.create(**where, can_delete_objects=True)
    return project, import_storage, export_storage


def _first_user() -> User:
    user = User.objects.order_by("pk").first()
    if user is None:
        raise InvalidInputError("There is no user yet. Create one first: polardb-bridge manage createsuperuser")
    return user


def _storages(project: Project) -> tuple[PolarDBImportStorage | None, PolarDBExportStorage | None]:
    return (
        PolarDBImportStorage.objects.filter(project=project).first(),
        PolarDBExportStorage.objects.filter(project=project).first(),
    )
