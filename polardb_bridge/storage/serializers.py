"""Storages as JSON. The password goes in and never comes out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from io_storages.serializers import ExportStorageSerializer, ImportStorageSerializer
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.fields import empty

from polardb_bridge.choices import VersionKind, WritesTo
from polardb_bridge.conf import is_shared_account
from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.labels import vanished_labels
from polardb_bridge.storage.matching import GOES_NOWHERE, goes_nowhere, targets_of
from polardb_bridge.storage.models import MAX_SYNC_EVERY_MINUTES, PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.openapi import ImagesSerializer, WritebackSerializer
from polardb_bridge.storage.owners import WRITES_IN_TURNS, owner_besides
from polardb_bridge.storage.writeback_status import problems, writeback_status
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.columns import NOT_FOLLOWED
from polardb_bridge.table.name_filter import compile_name_filter
from polardb_bridge.table.parameters import DEFAULT_PORT
from polardb_bridge.table.schema import check_table_name, qualified_name

SERVER_FILES = ("tls_cert", "tls_key")


def as_validation_error(error: BridgeError) -> serializers.ValidationError:
    """The same message, on the form field that caused it."""
    return serializers.ValidationError({error.field or "non_field_errors": [str(error)]})


class PolarDBStorageSerializerMixin(serializers.Serializer[Any]):
    """What both directions share: the type, the write-only password and who may use which project."""

    type = serializers.ReadOnlyField(default="polardb")
    password = serializers.CharField(
        write_only=True, required=False, allow_blank=True, allow_null=True, trim_whitespace=False
    )

    def to_internal_value(self, data: Any) -> Any:
        # In the wizard's form, until somebody has come to the step that asks for it.
        if isinstance(data, dict) and data.get("mapping", "") is None:
            data = {name: value for name, value in data.items() if name != "mapping"}
        return super().to_internal_value(data)

    def validate_table(self, value: str) -> str:
        try:
            return check_table_name(value)
        except InvalidInputError as error:
            database, table = _parts(value)
            if database:
                raise serializers.ValidationError(
                    f"Put the database {database!r} into the field 'database', and the table {table!r} alone into "
                    "this one."
                ) from None
            raise serializers.ValidationError(str(error)) from None

    def validate_mapping(self, value: Any) -> Any:
        if self.instance is not None:
            if value != self.instance.mapping:
                raise serializers.ValidationError(
                    "The mapping of a storage cannot be changed: its tasks are known by their keys. Add a storage with "
                    "the other columns, and remove this one."
                )
            return value
        try:
            AskedMapping.from_json(value)
        except InvalidInputError as error:
            raise serializers.ValidationError(str(error)) from None
        return value

    def _check_sql(self, data: dict[str, Any]) -> None:
        request = self.context.get("request")
        if request is None or self.instance is not None:
            return
        asked = AskedMapping.from_json(data.get("mapping") or {})
        check_may_run_sql(
            request.user, asked, data.get("host", ""), data.get("port", DEFAULT_PORT), data.get("user", "")
        )

    def validate_project(self, project: Any) -> Any:
        # Label Studio checks the project when a storage is created, not when one is changed, validated or listed.
        request = self.context.get("request")
        if request is not None and not project.has_permission(request.user):
            raise PermissionDenied("You do not have permission to use storages of this project.")
        if self.instance is not None and self.instance.project_id != project.pk:
            raise serializers.ValidationError("A storage cannot be moved to another project; add a new one there.")
        return project

    def _check_server_files(self, data: dict[str, Any]) -> dict[str, Any]:
        """Leave to administrators what names files of this server, and where it goes with them.

        To others the names are not shown; what their forms send is empty, and means that they stay.
        """
        request = self.context.get("request")
        if request is None or request.user.is_superuser:
            return data
        for name in SERVER_FILES:
            if data.get(name):
                raise serializers.ValidationError({name: ["Only administrators may name files of this server."]})
        if self.instance is not None and self.instance.tls_cert:
            for name in ("host", "port", "user", "tls"):
                if name in data and data[name] != getattr(self.instance, name):
                    raise serializers.ValidationError(
                        {name: ["Only administrators may change the account of a storage with a client certificate."]}
                    )
        return {name: value for name, value in data.items() if name not in SERVER_FILES}

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        data = self._check_server_files(super().validate(data))
        self._check_sql(data)
        moved = self.instance is not None and any(
            name in data and data[name] != getattr(self.instance, name) for name in ("host", "port")
        )
        if moved and self.instance.password and not data.get("password"):
            # A server may ask its client for the password in plain text: the stored one is for its own server only.
            raise serializers.ValidationError(
                {"password": ["Type the password again: the stored one is only for the previous host and port."]}
            )
        return data

    def to_representation(self, instance: Any) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        request = self.context.get("request")
        if request is not None and not request.user.is_superuser:
            shown |= dict.fromkeys(SERVER_FILES, "")
        if request is None or instance.may_be_changed_by(request.user):
            return shown
        # The account of a deployment is shared with others, and where it leads to is the administrators' to know.
        hidden = {"host": "", "port": None, "database": "", "user": "", "mapping": _without_sql(instance)}
        secrets = [str(shown[name]) for name in ("host", "database", "user") if shown.get(name)]
        return {name: _without(secrets, value) for name, value in (shown | hidden).items()}

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        return super().update(instance, keep_password(validated_data))


def check_may_run_sql(user: Any, asked: AskedMapping, host: str, port: int, account: str) -> None:
    """On the account that statements run with, and which is shared, SQL of one's own is the administrators'.

    Raises:
        ValidationError: the mapping has some, and `user` is none.
    """
    if asked.may_run_sql and not user.is_superuser and is_shared_account(host, port, account):
        raise serializers.ValidationError(
            {"mapping": ["Only administrators may run SQL of their own on the account of POLARDB_URL."]}
        )


def _parts(value: str) -> tuple[str | None, str]:
    """Database and table of `database.table`, quoted or not; None and the text if it is something else."""
    try:
        return qualified_name(value)
    except InvalidInputError:
        return None, value


def _without_sql(storage: Any) -> dict[str, Any]:
    """The mapping as people see it who may not change it: SQL names what else the account reaches."""
    hidden = {"query", "filter", *(["version"] if storage.table_mapping.version_kind is VersionKind.SQL else [])}
    return {part: "…" if part in hidden else value for part, value in storage.mapping.items()}


def _without(secrets: list[str], value: Any) -> Any:
    """The value, and texts in it, without these words."""
    if isinstance(value, dict):
        return {name: _without(secrets, part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without(secrets, part) for part in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "…")
    return value


def keep_password(values: dict[str, Any]) -> dict[str, Any]:
    """Drop an empty password: forms send one if the person did not type it again."""
    return {name: value for name, value in values.items() if name != "password" or value}


class _MinutesField(serializers.IntegerField):
    """Nothing means 0: Label Studio's older form sends an empty text."""

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation(0 if data in ("", None) else data)


class PolarDBImportStorageSerializer(PolarDBStorageSerializerMixin, ImportStorageSerializer):
    sync_every = _MinutesField(
        required=False,
        min_value=0,
        max_value=MAX_SYNC_EVERY_MINUTES,
        help_text="Minutes from one sync to the next; 0: only on request",
    )

    images = serializers.SerializerMethodField()

    @extend_schema_field(ImagesSerializer)
    def get_images(self, storage: PolarDBImportStorage) -> dict[str, Any]:
        return unreadable.as_json(storage)

    notes = serializers.SerializerMethodField(
        help_text="Labels that stand in results and not in the labeling interface, and whether changes are followed"
    )
    dismissed = serializers.SerializerMethodField(help_text="Rows whose tasks were deleted by hand")
    has_target = serializers.SerializerMethodField(help_text="Whether a target of the project writes its table")

    def get_notes(self, storage: PolarDBImportStorage) -> list[str]:
        if not storage.pk:
            return []
        is_followed = storage.table_mapping.version_kind is not VersionKind.NONE
        return [*([] if is_followed else [NOT_FOLLOWED]), *vanished_labels(storage.project)]

    def get_dismissed(self, storage: PolarDBImportStorage) -> int:
        count: int = storage.dismissed_rows.count() if storage.pk else 0
        return count

    def get_has_target(self, storage: PolarDBImportStorage) -> bool:
        return bool(storage.pk and targets_of(storage))

    def validate_regex_filter(self, value: str) -> str:
        try:
            compile_name_filter(value)
        except InvalidInputError as error:
            raise serializers.ValidationError(str(error)) from None
        return value

    class Meta:
        model = PolarDBImportStorage
        exclude = ("known_as", "owned_table")
        read_only_fields = ("delivery_in_use", "image_field")


class PolarDBExportStorageSerializer(PolarDBStorageSerializerMixin, ExportStorageSerializer):
    writeback = serializers.SerializerMethodField()

    def validate_writes_to(self, value: str) -> str:
        if self.instance is not None and value != self.instance.writes_to:
            raise serializers.ValidationError(
                "A target cannot begin to write something else: add another one, and remove this one if it is no "
                "longer needed."
            )
        return value

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        data = super().validate(data)
        if data.get("writes_to") == WritesTo.RESULT_TABLE and data.get("mapping"):
            raise serializers.ValidationError(
                {"mapping": ["A result table has columns of its own, and no mapping: leave it out."]}
            )
        return data

    @extend_schema_field(WritebackSerializer)
    def get_writeback(self, storage: PolarDBExportStorage) -> dict[str, Any]:
        status = writeback_status(storage)
        is_lost = goes_nowhere(storage)
        return {
            # A result that goes nowhere waits for nothing: a zero would look as if all were written.
            "pending": None if is_lost else status.pending,
            "failed": status.parked,
            "problems": problems(storage),
            "last_written_at": status.last_success_at,
            "error": status.last_error or (GOES_NOWHERE if is_lost else self._who_writes_too(storage)),
            "retry_at": status.retry_at,
        }

    @staticmethod
    def _who_writes_too(storage: PolarDBExportStorage) -> str:
        return WRITES_IN_TURNS if storage.pk and owner_besides(storage) else ""

    class Meta:
        model = PolarDBExportStorage
        exclude = ("known_as", "owned_table")
