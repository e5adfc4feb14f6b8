"""The script and the styles of the Cloud Storage page."""

from django.urls import path

from polardb_bridge.storage.ui import views

app_name = "polardb-ui"

urlpatterns = [
    path("wizard.js", views.script, name="script"),
    path("wizard.css", views.styles, name="styles"),
]
