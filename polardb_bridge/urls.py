"""Our routes first, then Label Studio's."""

from core.urls import urlpatterns as label_studio_urlpatterns
from django.urls import include, path

urlpatterns = [
    path("api/storages/", include("polardb_bridge.storage.urls")),
    *label_studio_urlpatterns,
]
