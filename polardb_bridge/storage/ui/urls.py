"""The script and the styles of the Cloud Storage page, and those of the API's documentation."""

from django.urls import path

from polardb_bridge.storage.ui import views

app_name = "polardb-ui"

urlpatterns = [
    path("wizard.js", views.script, name="script"),
    path("wizard.css", views.styles, name="styles"),
    path("api-docs/<path:path>", views.api_docs),
]
