"""The REST API of our storages: Label Studio's views, with its gaps closed.

Label Studio's own views save the changes when a person only tests a connection, hide why a connection failed, let
any signed-in user connect to any host, and answer a failed sync with a traceback.

Each direction has views of its own, as Label Studio registers and names them; they differ in model and serializer only.
"""

from __future__ import annotations

import contextlib
import copy
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
from rest_framework.exceptions import PermissionDenied
from rest_framework.fields import IntegerField
from rest_framework.request import Request
from rest_framework.response import Response

from polardb_bridge.errors import RetryableError
from polardb_bridge.label_studio.projects import again
from polardb_bridge.storage import openapi, owners
from polardb_bridge.storage.form import FormLayout, complete
from polardb_bridge.storage.form_api import (
    BridgeErrorsMixin,
    FormAPI,
    MappingAPI,
    TablesAPI,
    asking,
    check_may_change,
    count_trial_at,
    with_values,
)
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.images.verify import verify
from polardb_bridge.storage.matching import check_goes_somewhere, follow_mapping, target_like
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.preview import MAX_ROWS, preview
from polardb_bridge.storage.serializers import PolarDBExportStorageSerializer, PolarDBImportStorageSerializer
from polardb_bridge.storage.sync import jobs
from polardb_bridge.storage.sync.dismissal import bring_back
from polardb_bridge.storage.sync.stopping import stopped

# A sync that takes longer goes on after the answer, which then says "queued" or "in progress".
SYNC_ANSWER_TIMEOUT_S = 10.0
VERIFY_ANSWER_TIMEOUT_S = 10.0


class _DetailMixin(BridgeErrorsMixin):
    """Who may see a storage may not always change it."""

    request: Request

    def perform_update(self, serializer: Any) -> None:
        storage = serializer.instance
        check_may_change(self.request, storage)
        changed = with_values(copy.copy(storage), serializer.validated_data)
        if changed.table_address != storage.table_address:
            count_trial_at(self.request, changed)
            # A server that is away now may be changed to: it is asked again when it is needed.
            with contextlib.suppress(RetryableError), asking():
                owners.validate(changed, self.request.user)
            owners.check_free(changed, self.request.user)
            check_goes_somewhere(changed)
            storage.known_as, storage.owned_table = changed.known_as, changed.claim
        with owners.taking(changed, self.request.user):
            super().perform_update(serializer)

    def perform_destroy(self, instance: Any) -> None:
        check_may_change(self.request, instance)
        super().perform_destroy(instance)


def _check_new(request: Request, storage: Any) -> None:
    """See that a storage that is not saved yet works, and complete what it leaves open."""
    count_trial_at(request, storage)
    follow_mapping(storage)
    with asking():
        owners.validate(storage, request.user)
    check_goes_somewhere(storage)


class _CreateMixin(BridgeErrorsMixin):
    """Nothing is saved that does not work."""

    request: Request

    def perform_create(self, serializer: Any) -> None:
        # Who may use the project, the serializer has checked.
        storage = serializer.Meta.model(**serializer.validated_data)
        _check_new(self.request, storage)
        with owners.taking(storage, self.request.user):
            serializer.save(known_as=storage.known_as, owned_table=storage.claim, mapping=storage.mapping)


class _ValidateAPI(FormAPI):
    """Test the connection."""

    def answer(self, storage: Any) -> Response:
        if self.request.data.get("mapping", "") is None and isinstance(storage, PolarDBImportStorage):
            storage.mapping = storage.mapping or None  # the form's next step asks for it
        warnings = owners.validate(storage, self.request.user)
        check_goes_somewhere(storage)
        return Response({"warnings": warnings})


@openapi.import_storages
class PolarDBImportStorageListAPI(_CreateMixin, ImportStorageListAPI):
    queryset = PolarDBImportStorage.objects.all()
    serializer_class = PolarDBImportStorageSerializer


@openapi.import_storage
class PolarDBImportStorageDetailAPI(_DetailMixin, ImportStorageDetailAPI):
    queryset = PolarDBImportStorage.objects.all()
    serializer_class = PolarDBImportStorageSerializer

    def perform_destroy(self, instance: PolarDBImportStorage) -> None:
        check_may_change(self.request, instance)
        with stopped(PolarDBImportStorage.objects.filter(pk=instance.pk)):
            again(lambda: super(PolarDBImportStorageDetailAPI, self).perform_destroy(instance))


@openapi.sync_import_storage
class PolarDBImportStorageSyncAPI(BridgeErrorsMixin, ImportStorageSyncAPI):
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
class PolarDBImportStorageVerifyAPI(BridgeErrorsMixin, generics.GenericAPIView[Any]):
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


@openapi.add_target
class PolarDBImportStorageTargetAPI(BridgeErrorsMixin, generics.GenericAPIView[Any]):
    """Write results into the table of a source, with its account."""

    queryset = PolarDBImportStorage.objects.all()
    permission_required = all_permissions.storages_change

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        source = self.get_object()
        if not source.has_permission(request.user):
            raise PermissionDenied
        check_may_change(request, source)
        target = target_like(source)
        _check_new(request, target)
        target.owned_table = target.claim
        with owners.taking(target, request.user):
            target.save()
        if settings.SYNC_ON_TARGET_STORAGE_CREATION:
            target.sync()
        serializer = PolarDBExportStorageSerializer(target, context=self.get_serializer_context())
        return Response(serializer.data, status=status.HTTP_201_CREATED)


@openapi.bring_back_rows
class PolarDBImportStorageBringBackAPI(PolarDBImportStorageSyncAPI):
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        bring_back(self.get_object())
        return super().post(request, *args, **kwargs)


@openapi.validate_import_storage
class PolarDBImportStorageValidateAPI(_ValidateAPI):
    serializer_class = PolarDBImportStorageSerializer


@openapi.list_tables
class PolarDBImportStorageTablesAPI(TablesAPI):
    serializer_class = PolarDBImportStorageSerializer


@openapi.preview_mapping
class PolarDBImportStorageMappingAPI(MappingAPI):
    serializer_class = PolarDBImportStorageSerializer


@openapi.preview_rows
class PolarDBImportStorageFilesAPI(FormAPI):
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
class PolarDBExportStorageSyncAPI(BridgeErrorsMixin, ExportStorageSyncAPI):
    serializer_class = PolarDBExportStorageSerializer


@openapi.validate_export_storage
class PolarDBExportStorageValidateAPI(_ValidateAPI):
    serializer_class = PolarDBExportStorageSerializer


@openapi.list_tables
class PolarDBExportStorageTablesAPI(TablesAPI):
    serializer_class = PolarDBExportStorageSerializer


class PolarDBExportStorageFormLayoutAPI(ExportStorageFormLayoutAPI):
    def post_process_form(self, form_layout: FormLayout) -> FormLayout:
        return complete(form_layout)
