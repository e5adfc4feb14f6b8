"""The operator's page."""

from pathlib import Path

from django.urls import path

from polardb_bridge.deployments.console import deployment, mapping, preview, statements, templates, views
from polardb_bridge.label_studio.preview import SCRIPT
from polardb_bridge.storage.ui.editor import STYLES
from polardb_bridge.web.addresses import in_both_forms
from polardb_bridge.web.assets import CHARTJS, asset

app_name = "polardb-console"

_HERE = Path(__file__).parent

_ROUTES = [
    path("", views.deployments, name="deployments"),
    path("deploy", views.deploy, name="deploy"),
    path("deploy/mapping", mapping.mapping, name="deploy-mapping"),
    path("deploy.js", mapping.script, name="deploy-script"),
    path("mapping.css", asset(STYLES), name="mapping-css"),
    path("statements", statements.statements, name="statements"),
    path("label-studio", views.label_studio, name="label-studio"),
    path("console.css", asset(_HERE / "console.css"), name="styles"),
    path("console.js", asset(_HERE / "console.js"), name="script"),
    path("theme.js", asset(_HERE / "theme.js"), name="theme"),
    path("figures.css", asset(_HERE / "figures.css"), name="figures-css"),
    path("figures.js", asset(_HERE / "figures.js"), name="figures-js"),
    path("statements.css", asset(_HERE / "statements.css"), name="statements-css"),
    path("chart.js", asset(CHARTJS), name="chartjs"),
    path("deployments/<str:name>/", deployment.deployment, name="deployment"),
    path("deployments/<str:name>/<slug:sheet>.csv", deployment.sheet, name="sheet"),
    path("deployments/<str:name>/ml-backend", deployment.ml_backend, name="ml-backend"),
    path("templates/", templates.templates, name="templates"),
    path("templates/list", templates.template_list, name="template-list"),
    path("templates/new", templates.template_new, name="template-new"),
    path("templates/check", templates.template_check, name="template-check"),
    path("templates/preview", preview.preview, name="preview"),
    path("templates/sample", preview.sample, name="preview-sample"),
    path("templates/tables", preview.tables, name="preview-tables"),
    path("templates/picture", preview.picture, name="preview-picture"),
    path("templates/preview.css", preview.preview_css, name="preview-css"),
    path("templates/preview.js", asset(SCRIPT), name="preview-js"),
    path("templates/<int:pk>/", templates.template, name="template"),
    path("templates/<int:pk>/copy", templates.template_copy, name="template-copy"),
    path("templates/<int:pk>/form", templates.template_form, name="template-form"),
    path("templates/<int:pk>/delete", templates.template_delete, name="template-delete"),
    path("templates.css", asset(_HERE / "templates.css"), name="templates-css"),
    path("template_preview.js", asset(_HERE / "template_preview.js"), name="template-preview-js"),
    path("templates.js", asset(_HERE / "templates.js"), name="templates-js"),
    path("<str:name>/allow-list", views.allow_list, name="allow-list"),
    path("<str:name>/own-address", views.own_address, name="own-address"),
    path("<str:name>/sync", views.sync, name="sync"),
    path("<str:name>/password", views.password, name="password"),
    path("<str:name>/drop", views.drop, name="drop"),
]
urlpatterns = in_both_forms(_ROUTES)
