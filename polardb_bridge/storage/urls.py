"""Routes below /api/storages/, named as Label Studio names those of its own storages."""

from django.urls import path

from polardb_bridge.storage import api

app_name = "polardb"

urlpatterns = [
    path("polardb/", api.PolarDBImportStorageListAPI.as_view(), name="import-list"),
    # The same with the slash left out, which the API's schema need not list again.
    path("polardb", api.PolarDBImportStorageListAPI.as_view(schema=None)),
    path("polardb/<int:pk>", api.PolarDBImportStorageDetailAPI.as_view(), name="import-detail"),
    path("polardb/<int:pk>/sync", api.PolarDBImportStorageSyncAPI.as_view(), name="import-sync"),
    path("polardb/<int:pk>/verify", api.PolarDBImportStorageVerifyAPI.as_view(), name="import-verify"),
    path("polardb/<int:pk>/bring-back", api.PolarDBImportStorageBringBackAPI.as_view(), name="import-bring-back"),
    path("polardb/<int:pk>/target", api.PolarDBImportStorageTargetAPI.as_view(), name="import-target"),
    path("polardb/validate", api.PolarDBImportStorageValidateAPI.as_view(), name="import-validate"),
    path("polardb/form", api.PolarDBImportStorageFormLayoutAPI.as_view(), name="import-form"),
    path("polardb/tables", api.PolarDBImportStorageTablesAPI.as_view(), name="import-tables"),
    path("polardb/mapping", api.PolarDBImportStorageMappingAPI.as_view(), name="import-mapping"),
    path("polardb/files", api.PolarDBImportStorageFilesAPI.as_view(), name="import-files"),
    path("export/polardb", api.PolarDBExportStorageListAPI.as_view(), name="export-list"),
    path("export/polardb/<int:pk>", api.PolarDBExportStorageDetailAPI.as_view(), name="export-detail"),
    path("export/polardb/<int:pk>/sync", api.PolarDBExportStorageSyncAPI.as_view(), name="export-sync"),
    path("export/polardb/validate", api.PolarDBExportStorageValidateAPI.as_view(), name="export-validate"),
    path("export/polardb/tables", api.PolarDBExportStorageTablesAPI.as_view(), name="export-tables"),
    path("export/polardb/form", api.PolarDBExportStorageFormLayoutAPI.as_view(), name="export-form"),
]
