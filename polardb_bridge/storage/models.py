"""Import and export storages of a PolarDB table, and the links between rows and tasks."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from io_storages.base_models import ExportStorage, ImportStorage, ImportStorageLink, ProjectStorageMixin

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery, TlsMode
from polardb_bridge.conf import configuration
from polardb_bridge.databases.fields import SecretField, readable
from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.clock import alive, is_recent
from polardb_bridge.storage.hosts import resolved_ip
from polardb_bridge.storage.identity import IdentityMixin
from polardb_bridge.storage.image_field import image_field
from polardb_bridge.storage.keyed import IS_INTEGER, IS_TEXT, KeyedMixin
from polardb_bridge.storage.label_role import check_label_column
from polardb_bridge.storage.links import is_ours, resolved
from polardb_bridge.storage.mapped import OTHER_COLUMNS, MappedMixin
from polardb_bridge.storage.removal import may_be_synced
from polardb_bridge.storage.result_tables import ResultTableMixin
from polardb_bridge.storage.signals import export_sync_requested, import_sync_requested
from polardb_bridge.storage.sync_status import SyncStatusMixin
from polardb_bridge.table import privileges
from polardb_bridge.table.connection import connect
from polardb_bridge.table.fields import PICTURE
from polardb_bridge.table.key_counts import check_key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.parameters import DEFAULT_PORT, ConnectionParameters, table_address
from polardb_bridge.table.schema import table_warnings, validate_table

# A month.
MAX_SYNC_EVERY_MINUTES = 31 * 24 * 60


def stored_parameters(parameters: ConnectionParameters) -> dict[str, Any]:
    """The fields of a storage that hold these parameters; its `connection_parameters` reads them back."""
    names = ("host", "port", "database", "user", "password", "tls", "tls_cert", "tls_key")
    return {name: value for name in names if (value := getattr(parameters, name)) is not None}


class PolarDBStorageMixin(SyncStatusMixin, IdentityMixin, MappedMixin):
    """The address of a table, and the account that reads or writes it."""

    host = models.CharField(max_length=255, help_text="Name or address of the database server")
    port = models.PositiveIntegerField(
        default=DEFAULT_PORT, validators=[MinValueValidator(1), MaxValueValidator(65535)], help_text="TCP port"
    )
    database = models.CharField(max_length=64, help_text="Database (schema) that holds the table")
    user = models.CharField(max_length=128, help_text="Database user")
    password = SecretField(blank=True, null=True, help_text="Password of the user; stored encrypted")
    table = models.CharField(max_length=64, help_text="Source table")
    tls = models.CharField(
        max_length=16,
        choices=TlsMode.labeled(),
        default=TlsMode.DISABLED.value,
        help_text="Encryption of the connection",
    )
    tls_cert = models.CharField(max_length=255, blank=True, default="", help_text="Client certificate: a file's path")
    tls_key = models.CharField(max_length=255, blank=True, default="", help_text="Its private key: a file's path")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.title or 'PolarDB table'} ({self.table_address})"

    @property
    def table_address(self) -> str:
        """Where the table is, for messages: `host:port/database.table`."""
        return table_address(self.host, self.port, self.database, self.table)

    def may_be_changed_by(self, user: Any) -> bool:
        """Whether `user`, who may use the project, may also change or remove its storage.

        The account of a deployment's storages reaches the tables of other deployments, too: pointed at one of those,
        a storage would show it to this deployment's users.
        """
        return user.is_superuser or getattr(self.project, "deployment", None) is None

    def connection_parameters(self) -> ConnectionParameters:
        """How to connect, with the host checked; what people have written into the mapping of a source cannot write.

        Raises:
            ReconfigureError: the host may not be connected to, or the password cannot be decrypted.
            InvalidInputError: a field is empty or out of range.
        """
        return ConnectionParameters(
            host=self.host,
            port=self.port,
            database=self.database,
            user=self.user,
            password=readable(self.password),
            tls=self.tls,
            resolved_ip=resolved_ip(self.host, self.port),
            tls_ca=configuration().tls_ca,
            tls_cert=self.tls_cert or None,
            tls_key=self.tls_key or None,
            read_only=self.runs_sql and isinstance(self, ImportStorage),
        )

    def validate_connection(self, client: Any = None) -> list[str]:
        """Connect, check the table's columns and the privileges that this direction needs, and learn which table it is.

        While `mapping` is None, in a form whose next step asks for it, a table of another layout is only looked for.

        Returns:
            What works and will surprise people.

        Raises:
            BridgeError: what is wrong, with the field that caused it.
        """
        to_write = isinstance(self, ExportStorage)
        parameters = self.connection_parameters()
        with connect(parameters) as connection:
            self.identify(connection)
            if self.has_other_columns(connection):
                return [OTHER_COLUMNS]
            self.complete_mapping(connection)
            table = self.source_table
            found = validate_table(connection, table, to_write=to_write)
            if self.pk is None:
                check_key(connection, table)
            if not to_write:
                privileges.check_select(connection, table)
            else:
                privileges.check_update(connection, table, parameters)
                check_label_column(connection, table, self.project.label_config)
            return [*table_warnings(connection, found, mapping_of(table), to_write=to_write)]


class PolarDBImportStorage(ProjectStorageMixin, PolarDBStorageMixin, ImportStorage):
    """Rows of a table become tasks."""

    image_delivery = models.CharField(
        max_length=16,
        choices=ImageDelivery.labeled(),
        default=ImageDelivery.AUTO.value,
        help_text="How images reach Label Studio",
    )
    delivery_in_use = models.CharField(
        max_length=16, blank=True, default="", help_text="What `auto` was at the first sync; it stays that"
    )

    image_field = models.CharField(
        max_length=255, default=PICTURE, editable=False, help_text="Under which name tasks hold their pictures"
    )
    existing_annotations = models.CharField(
        max_length=16,
        choices=ExistingAnnotations.labeled(),
        default=ExistingAnnotations.ANNOTATIONS.value,
        help_text="How results that rows hold already come into Label Studio",
    )
    regex_filter = models.TextField(
        blank=True, default="", help_text="Only rows whose original_name matches this regular expression become tasks"
    )
    only_unannotated = models.BooleanField(default=False, help_text="Only rows without a result become tasks")
    sync_every = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(MAX_SYNC_EVERY_MINUTES)],
        help_text="Minutes from one sync to the next; 0: only on request",
    )

    # Label Studio asks for it on every import storage (base_models.py, _scan_and_create_links; Data Manager).
    use_blob_urls = True

    class Meta:
        verbose_name = "PolarDB import storage"
        constraints = [models.UniqueConstraint(fields=["project", "owned_table"], name="polardb_one_source_per_table")]

    def can_resolve_url(self, url: Any) -> bool:
        if isinstance(url, list):
            return any(map(self.can_resolve_url, url))
        return isinstance(url, str) and is_ours(url)

    def resolve_uri(self, uri: Any, task: Any = None) -> str | list[Any] | None:
        """The address of a picture, or of a list of them, as browsers reach them now; None for what else tasks hold."""
        if isinstance(uri, list) and self.can_resolve_url(uri):
            return [self.resolve_uri(item) or item for item in uri]
        return resolved(uri) if self.can_resolve_url(uri) else None

    def sync(self) -> None:
        """Ask for a sync, which a worker does if there is a queue, and a serving process if there is none."""
        import_sync_requested.send(sender=type(self), storage=self)

    def info_set_queued(self, job_id: str | None = None, *, only_if_due: bool = False) -> bool:
        """Take the storage for one sync, to be done by the job `job_id` if any.

        False while another one runs, or while the storage is being removed.

        Label Studio's own method checks this on PostgreSQL only, and takes a killed sync for a running one.
        """
        with transaction.atomic():
            current = type(self).objects.select_for_update().get(pk=self.pk)
            if current.is_syncing or not may_be_synced(current) or (only_if_due and not current.is_due):
                return False
            current._update_queued_status()
            if job_id:
                current.info_set_job(job_id)
        self.refresh_from_db()
        return True

    @property
    def is_syncing(self) -> bool:
        """Whether a sync waits or runs; one runs while its process shows that it lives (sync/lease.py)."""
        if self.status != self.Status.IN_PROGRESS:
            return bool(self.status == self.Status.QUEUED)
        running = type(self).objects.filter(sync_state__lease__isnull=False, sync_state__beat_at__range=alive())
        return bool(running.filter(pk=self.pk).exists())

    def health_check(self) -> None:
        """Nothing: a sync whose process has died is taken up by another (sync/watch.py).

        Label Studio would set it to failed, and one that waits for a slow statement, too.
        """

    @property
    def is_due(self) -> bool:
        """Whether the next sync by `sync_every` is to begin."""
        if not self.sync_every or self.is_syncing:
            return False
        asked = self.meta.get("time_queued")
        return not asked or not is_recent(asked, timedelta(minutes=self.sync_every))

    def info_set_failed(self) -> None:
        """Like Label Studio's, with a sentence in place of a traceback if we know what is wrong."""
        # Label Studio's method needs this time, which a sync that failed before its start has not set.
        self.meta.setdefault("time_in_progress", str(timezone.now()))
        super().info_set_failed()
        error = sys.exc_info()[1]
        if isinstance(error, BridgeError):
            self.traceback = str(error)
            self.save(update_fields=["traceback"])

    def validate_connection(self, client: Any = None) -> list[str]:
        is_told = self.mapping is not None
        warnings = super().validate_connection(client)
        if is_told:
            image_field(self.project.label_config, self.table_mapping)
        return warnings


class PolarDBExportStorage(ResultTableMixin, PolarDBStorageMixin, ExportStorage):
    """Annotations go back into the rows that their tasks came from, or into a result table."""

    class Meta:
        verbose_name = "PolarDB export storage"
        constraints = [models.UniqueConstraint(fields=["owned_table"], name="polardb_one_target_per_table")]

    def sync(self, save_only_new_annotations: bool = False) -> None:
        """Write the current state of every annotated task into its row again."""
        export_sync_requested.send(sender=type(self), storage=self)


class PolarDBImportStorageLink(KeyedMixin, ImportStorageLink):
    """Which row a task came from, by its key as it was spelled at the last sync.

    version: the row's (table/versions.py) that the task shows. is_missing, is_outside: at the last sync, the row was
    missing, or did not meet the filter.
    """

    version = models.BigIntegerField(default=0)
    is_missing = models.BooleanField(default=False)
    is_outside = models.BooleanField(default=False)
    storage = models.ForeignKey(PolarDBImportStorage, on_delete=models.CASCADE, related_name="links")
    # Whether a result of this task was ever written into its row: reconciling leaves alone what others wrote.
    has_result = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["storage", "row_id"], condition=IS_INTEGER, name="polardb_one_task_per_row_id"
            ),
            models.UniqueConstraint(fields=["storage", "key"], condition=IS_TEXT, name="polardb_one_task_per_key"),
        ]
