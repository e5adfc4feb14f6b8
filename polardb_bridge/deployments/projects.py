"""A template and a source table to a project that is ready for labeling."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from organizations.models import Organization
from projects.models import Project
from users.models import User

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery, WritesTo
from polardb_bridge.deployments.interfaces import checked_config
from polardb_bridge.deployments.tenancy.organizations import ensure_organization
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.label_studio.tasks import acting_user
from polardb_bridge.labeling import needs_region
from polardb_bridge.storage.identity import known_as
from polardb_bridge.storage.image_field import image_field
from polardb_bridge.storage.label_role import check_label_column
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, stored_parameters
from polardb_bridge.storage.owners import check_table_is_free
from polardb_bridge.storage.result_tables import check_result_table
from polardb_bridge.table.asked_mapping import NOTHING_ASKED, AskedMapping
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.columns import reading_warnings
from polardb_bridge.table.connection import connect
from polardb_bridge.table.identity import TableIdentity, name_of, read_identity
from polardb_bridge.table.key_counts import check_key
from polardb_bridge.table.mapping import DOCUMENTED, TableMapping
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
    """A project with its storages. created: False if it was there already; then nothing was changed.

    export_storage: the target that writes rows, or the one that writes a result table if there is no such;
    result_storage: the one that writes a result table.
    """

    project: Project
    import_storage: PolarDBImportStorage | None
    export_storage: PolarDBExportStorage | None
    created: bool
    result_storage: PolarDBExportStorage | None = None

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
    result_table: str | None = None,
    database: str | None = None,
) -> ProvisionedProject:
    """Create the project `name` for the table `source` with the labels of `template`; all of it or nothing.

    template: id or name of a row of `annotation_template`. owner: the first user if None. asked: which columns are
    what; nothing: the documented layout. result_table: where results go; into the rows, too, if `asked` says into which
    columns. database: of the table; that of `parameters`, where the result table is, if None.

    Raises:
        BridgeError: the template, table, name or user is unknown or unfit, or the database cannot be reached.
    """
    check_title(name)
    owner = owner or _first_user()
    organization = ensure_organization(owner)
    existing = _existing(name, organization)
    if existing:
        return existing
    prepared = prepare(
        parameters, template=template, source=source, asked=asked, result_table=result_table, database=database
    )
    try:
        with transaction.atomic(), acting_user(owner):
            return create_project(
                prepared.parameters,
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
        if prepared.writes_rows:
            check_table_is_free(prepared.parameters, source, prepared.identity)
        raise


def _existing(name: str, organization: Organization) -> ProvisionedProject | None:
    project = Project.objects.filter(title=name, organization=organization).first()
    if project is None:
        return None
    source = PolarDBImportStorage.objects.filter(project=project).first()
    targets = list(PolarDBExportStorage.objects.filter(project=project).order_by("pk"))
    result_storage = next((target for target in targets if target.has_result_table), None)
    target = next((target for target in targets if not target.has_result_table), result_storage)
    return ProvisionedProject(project, source, target, created=False, result_storage=result_storage)


@dataclass(frozen=True)
class PreparedResults:
    """A result table that takes the results of a source. parameters: who writes it."""

    parameters: ConnectionParameters
    name: str
    identity: TableIdentity


@dataclass(frozen=True)
class PreparedTable:
    """A source table that can be labeled. rows: how many it has, about if they are many. parameters: who reads it.

    needs_region: whether the template wants one of each annotation. writes_rows: whether results go into its rows.
    results: where else they go.
    """

    parameters: ConnectionParameters
    labeling_config: str
    needs_region: bool
    rows: int
    identity: TableIdentity
    mapping: TableMapping
    writes_rows: bool = True
    results: PreparedResults | None = None


def prepare(
    parameters: ConnectionParameters,
    *,
    template: str,
    source: str,
    asked: AskedMapping = NOTHING_ASKED,
    result_table: str | None = None,
    database: str | None = None,
) -> PreparedTable:
    """Check that the table `source` can be labeled with `template`, which the database of `parameters` holds.

    asked: which columns are what; nothing: the documented layout. result_table, database: as for `provision_project`.

    Raises:
        TableTakenError: a target writes that table already.
        BridgeError: the template or table is unknown or unfit, or the database cannot be reached.
    """
    there = replace(parameters, database=database or parameters.database)
    writes_rows = result_table is None or asked.results is not None
    if writes_rows and not asked.query:
        check_table_is_free(there, source)
    reading = replace(there, read_only=asked.may_run_sql)
    with connect(reading) as connection:
        identity = read_identity(connection, name_of(source, asked.query))
    if writes_rows:
        check_table_is_free(there, source, identity)
    with connect(parameters) as connection:
        chosen = find_template(connection, template)
    config = checked_config(chosen.schema, template)
    with connect(reading) as connection:
        mapping = DOCUMENTED if asked.is_nothing else complete(asked, open_table(connection, source, asked.query))
        table = source_table(source, mapping)
        found = validate_table(connection, table, to_write=writes_rows)
        check_key(connection, table)
        check_select(connection, table)
        rows = read_table_size(connection, table).rows
        warnings = labeling_warnings(connection, found, mapping) if writes_rows else reading_warnings(found, mapping)
    if writes_rows:
        with connect(there) as connection:
            check_update(connection, table, there)
            check_label_column(connection, table, config)
    results = None
    if result_table:
        with connect(parameters) as connection:
            known = check_result_table(connection, result_table, mapping, there, source)
        results = PreparedResults(parameters, result_table, known)
    image_field(config, mapping)
    for warning in warnings:
        logger.warning("Table %s: %s", source, warning)
    return PreparedTable(there, config, needs_region(chosen.schema), rows, identity, mapping, writes_rows, results)


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
) -> ProvisionedProject:
    """A project with its storages; call it in a transaction."""
    project = Project.objects.create(
        title=title,
        label_config=prepared.labeling_config,
        enable_empty_annotation=not prepared.needs_region,
        organization=organization,
        created_by=owner,
        is_published=True,
    )

    def at(server: ConnectionParameters, table: str, identity: TableIdentity) -> dict[str, Any]:
        known = known_as(server.table_address(table), identity)
        return {"project": project, "title": table, "table": table, "known_as": known, **stored_parameters(server)}

    where = {
        **at(parameters, source, prepared.identity),
        "mapping": prepared.mapping.to_json(),
        "owned_table": prepared.identity.key,
    }
    import_storage = PolarDBImportStorage.objects.create(
        **where, image_delivery=image_delivery, existing_annotations=existing_annotations
    )
    create_target = PolarDBExportStorage.objects.create
    target = result_storage = None
    if prepared.writes_rows:
        where["mapping"] = replace(prepared.mapping, filter="").to_json()
        target = create_target(**where, can_delete_objects=True)
    if results := prepared.results:
        result_storage = create_target(
            **at(results.parameters, results.name, results.identity),
            writes_to=WritesTo.RESULT_TABLE,
            can_delete_objects=True,
        )
    return ProvisionedProject(
        project, import_storage, target or result_storage, created=True, result_storage=result_storage
    )


def _first_user() -> User:
    user = User.objects.order_by("pk").first()
    if user is None:
        raise InvalidInputError("There is no user yet. Create one first: polardb-bridge manage createsuperuser")
    return user
