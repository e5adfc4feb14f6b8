"""The REST API of our storages: Label Studio's views, with its gaps closed.

Label Studio's own views save the changes when a person only tests a connection, hide why a connection failed, let
any signed-in user connect to any host, and answer a failed sync with a traceback.

Each direction has views of its own, as Label Studio registers and names them; they differ in model and serializer only.
"""

from __future__ import annotations

import contextlib
import copy
import threading
from collections.abc import Iterator
from typing import Any

from core.permissions import all_permissions
from django.conf import settings
from io_storages.api import (
    ExportStorageDetailAPI,
    ExportStorageFormLayoutAPI,
    ExportStorageListAPI,
    ExportStorageSyncAPI,
    ImportStorageDetailAPI,
    ImportStorageFormLayoutAPI,
    ImportStorageListAPI,
    ImportStorageSyncAPI,
)
from rest_framework import generics, status
from rest_framework.exceptions import PermissionDenied, Throttled
from rest_framework.fields import IntegerField
from rest_framework.request import Request
from rest_framework.response import Response

from polardb_bridge.errors import BridgeError, RetryableError
from polardb_bridge.label_studio.projects import again
from polardb_bridge.storage import openapi, owners
from polardb_bridge.storage.form import FormLayout, complete
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.images.verify import verify
from polardb_bridge.storage.matching import check_goes_somewhere, follow_mapping
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.preview import MAX_ROWS, preview
from polardb_bridge.storage.serializers import (
    PolarDBExportStorageSerializer,
    PolarDBImportStorageSerializer,
    as_validation_error,
    keep_password,
)
from polardb_bridge.storage.sync import jobs
from polardb_bridge.storage.sync.dismissal import bring_back
from polardb_bridge.storage.sync.stopping import stopped
from polardb_bridge.storage.trials import count_trial
from polardb_bridge.table.preview import MAX_BYTES
from polardb_bridge.table.time_limit import TimeLimit, time_limit

# A sync that takes longer goes on after the answer, which then says "queued" or "in progress".
SYNC_ANSWER_TIMEOUT_S = 10.0
# How long a request waits for somebody's database, whatever that does.
ANSWER_TIME_LIMIT_S = 5.0
# The preview's images, and as much again.
ANSWER_MAX_BYTES = 2 * MAX_BYTES
VERIFY_ANSWER_TIMEOUT_S = 10.0
# Requests of a process that wait for somebody's server at once: its other threads are for those who label.
MAX_ASKING = 3
_places = threading.BoundedSemaphore(MAX_ASKING)


class _BridgeErrorsMixin:
    """Our errors as 400 answers, on the field that caused them."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, BridgeError):
            exc = as_validation_error(exc)
        response: Response = super().handle_exception(exc)
        return response


def _check_may_change(request: Request, storage: Any) -> None:
    if not storage.may_be_changed_by(request.user):
        raise PermissionDenied("Only administrators may change or remove the storages of a deployment.")


def _count_trial(request: Request, storage: Any) -> None:
    count_trial(request.user, f"{storage.host}:{storage.port}")


@contextlib.contextmanager
def _asking() -> Iterator[TimeLimit]:
    """Within, the server of a storage is asked for as long as a request may take.

    Raises:
        Throttled: too many requests of this process wait for servers already (429).
    """
    if not _places.acquire(blocking=False):
        raise Throttled(ANSWER_TIME_LIMIT_S)
    try:
        with time_limit(ANSWER_TIME_LIMIT_S, ANSWER_MAX_BYTES) as limit:
            yield limit
    finally:
        _places.release()


def _with_values(storage: Any, values: dict[str, Any]) -> Any:
    """`storage` with these values of its fields; it keeps its password if none was typed."""
    for name, value in keep_password(values).items():
        setattr(storage, name, value)
    return storage


class _DetailMixin(_BridgeErrorsMixin):
    """Who may see a storage may not always change it."""

    request: Request

    def perform_update(self, serializer: Any) -> None:
        storage = serializer.instance
        _check_may_change(self.request, storage)
        changed = _with_values(copy.copy(storage), serializer.validated_data)
        if changed.table_address != storage.table_address:
            _count_trial(self.request, changed)
            # A server that is away now may be changed to: it is asked again when it is needed.
            with contextlib.suppress(RetryableError), _asking():
                owners.validate(changed, self.request.user)
            owners.check_free(changed, self.request.user)
            check_goes_somewhere(changed)
            storage.known_as, storage.owned_table = changed.known_as, changed.identity and changed.identity.key
        with owners.taking(changed, self.request.user):
            super().perform_update(serializer)

    def perform_destroy(self, instance: Any) -> None:
        _check_may_change(self.request, instance)
        super().perform_destroy(instance)


class _CreateMixin(_BridgeErrorsMixin):
    """Nothing is saved that does not work."""

    request: Request

    def perform_create(self, serializer: Any) -> None:
        # Who may use the project, the serializer has checked.
        storage = serializer.Meta.model(**serializer.validated_data)
        _count_trial(self.request, storage)
        follow_mapping(storage)
        with _asking():
            owners.validate(storage, self.request.user)
        check_goes_somewhere(storage)
        with owners.taking(storage, self.request.user):
            serializer.save(known_as=storage.known_as, owned_table=storage.identity.key, mapping=storage.mapping)


class _ValidateAPI(_BridgeErrorsMixin, generics.GenericAPIView[Any]):
    """Test the connection of a storage as it stands in the form; nothing is saved."""

    permission_required = all_permissions.storages_change

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        storage = self.storage_in_form()
        with _asking():
            return self.answer(storage)

    def answer(self, storage: Any) -> Response:
        warnings = owners.validate(storage, self.request.user)
        check_goes_somewhere(storage)
        return Response({"warnings": warnings})

    def storage_in_form(self) -> Any:
        """The saved storage, if the form names one, with the form's values on it."""
        model = self.serializer_class.Meta.model
        storage_id = self.request.data.get("id")
        storage = model()
        if storage_id:
            storage = generics.get_object_or_404(model, pk=storage_id)
            if not storage.has_permission(self.request.user):
                raise PermissionDenied
            _check_may_change(self.request, storage)
        serializer = self.get_serializer(storage if storage_id else None, data=self.request.data)
        serializer.is_valid(raise_exception=True)
        _with_values(storage, serializer.validated_data)
        follow_mapping(storage)
        _count_trial(self.request, storage)
        return storage


@openapi.import_storages
class PolarDBImportStorageListAPI(_CreateMixin, ImportStorageListAPI):
    queryset = PolarDBImportStorage.objects.all()
    serializer_class = PolarDBImportStorageSerializer


@openapi.import_storage
class PolarDBImportStorageDetailAPI(_DetailMixin, ImportStorageDetailAPI):
    queryset = PolarDBImportStorage.objects.all()
    serializer_class = PolarDBImportStorageSerializer

    def perform_destroy(self, instance: PolarDBImportStorage) -> None:
        _check_may_change(self.request, instance)
        with stopped(PolarDBImportStorage.objects.filter(pk=instance.pk)):
            again(lambda: super(PolarDBImportStorageDetailAPI, self).perform_destroy(instance))


@openapi.sync_import_storage
class PolarDBImportStorageSyncAPI(_BridgeErrorsMixin, ImportStorageSyncAPI):
    serializer_class = PolarDBImportStorageSerializer

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().post(request, *args, **kwargs)
        if response.status_code != status.HTTP_200_OK:
            return response
        # The page shows what this answer says, and does not ask again.
        storage = self.get_object()
        jobs.wait_for_end(storage, SYNC_ANSWER_TIMEOUT_S)
        return Response(self.get_serializer(storage).data)


@openapi.verify_import_storage
class PolarDBImportStorageVerifyAPI(_BridgeErrorsMixin, generics.GenericAPIView[Any]):
    """Look at images for as long as a request may take; the next one goes on."""

    queryset = PolarDBImportStorage.objects.all()
    permission_required = all_permissions.storages_change

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        storage = self.get_object()
        if not storage.has_permission(request.user):
            raise PermissionDenied
        report = verify(storage, seconds=VERIFY_ANSWER_TIMEOUT_S)
        return Response(
            {
                "checked": report.checked,
                "total": storage.links.count(),
                "complete": report.is_complete,
                "images": unreadable.as_json(storage),
            }
        )


@openapi.bring_back_rows
class PolarDBImportStorageBringBackAPI(PolarDBImportStorageSyncAPI):
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        bring_back(self.get_object())
        return super().post(request, *args, **kwargs)


@openapi.validate_import_storage
class PolarDBImportStorageValidateAPI(_ValidateAPI):
    serializer_class = PolarDBImportStorageSerializer


@openapi.preview_rows
class PolarDBImportStorageFilesAPI(_ValidateAPI):
    """The first rows of the table, for the form's preview."""

    serializer_class = PolarDBImportStorageSerializer

    def answer(self, storage: Any) -> Response:
        limit = IntegerField(min_value=1).run_validation(self.request.data.get("limit", MAX_ROWS))
        owners.validate(storage, self.request.user)
        return Response({"files": preview(storage, limit, self.request.user)})


class PolarDBImportStorageFormLayoutAPI(ImportStorageFormLayoutAPI):
    def post_process_form(self, form_layout: FormLayout) -> FormLayout:
        return complete(form_layout)


@openapi.export_storages
class PolarDBExportStorageListAPI(_CreateMixin, ExportStorageListAPI):
    queryset = PolarDBExportStorage.objects.all()
    serializer_class = PolarDBExportStorageSerializer

    def perform_create(self, serializer: Any) -> None:
        super().perform_create(serializer)
        if settings.SYNC_ON_TARGET_STORAGE_CREATION:
            serializer.instance.sync()


@openapi.export_storage
class PolarDBExportStorageDetailAPI(_DetailMixin, ExportStorageDetailAPI):
    queryset = PolarDBExportStorage.objects.all()
    serializer_class = PolarDBExportStorageSerializer


@openapi.sync_export_storage
class PolarDBExportStorageSyncAPI(_BridgeErrorsMixin, ExportStorageSyncAPI):
    serializer_class = PolarDBExportStorageSerializer


@openapi.validate_export_storage
class PolarDBExportStorageValidateAPI(_ValidateAPI):
    serializer_class = PolarDBExportStorageSerializer


class PolarDBExportStorageFormLayoutAPI(ExportStorageFormLayoutAPI):
    def post_process_form(self, form_layout: FormLayout) -> FormLayout:
        return complete(form_layout)
