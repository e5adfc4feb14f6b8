"""The operator's page."""

from django.urls import path

from polardb_bridge.deployments.console import assets, deployment, statements, views

app_name = "polardb-console"

urlpatterns = [
    path("", views.deployments, name="deployments"),
    path("deploy", views.deploy, name="deploy"),
    path("statements", statements.statements, name="statements"),
    path("label-studio", views.label_studio, name="label-studio"),
    path("console.css", views.styles, name="styles"),
    path("console.js", views.script, name="script"),
    path("theme.js", views.theme, name="theme"),
    path("figures.css", assets.figures_styles, name="figures-css"),
    path("figures.js", assets.figures_script, name="figures-js"),
    path("statements.css", assets.statements_styles, name="statements-css"),
    path("chart.js", assets.chartjs, name="chartjs"),
    path("deployments/<str:name>/", deployment.deployment, name="deployment"),
    path("deployments/<str:name>/<slug:sheet>.csv", deployment.sheet, name="sheet"),
    path("deployments/<str:name>/ml-backend", deployment.ml_backend, name="ml-backend"),
    path("<str:name>/allow-list", views.allow_list, name="allow-list"),
    path("<str:name>/own-address", views.own_address, name="own-address"),
    path("<str:name>/sync", views.sync, name="sync"),
    path("<str:name>/password", views.password, name="password"),
    path("<str:name>/drop", views.drop, name="drop"),
]
