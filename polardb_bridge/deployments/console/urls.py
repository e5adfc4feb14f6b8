"""The operator's page."""

from django.urls import path

from polardb_bridge.deployments.console import views

app_name = "polardb-console"

urlpatterns = [
    path("", views.deployments, name="deployments"),
    path("deploy", views.deploy, name="deploy"),
    path("statements", views.statements, name="statements"),
    path("label-studio", views.label_studio, name="label-studio"),
    path("console.css", views.styles, name="styles"),
    path("console.js", views.script, name="script"),
    path("theme.js", views.theme, name="theme"),
    path("<str:name>/allow-list", views.allow_list, name="allow-list"),
    path("<str:name>/own-address", views.own_address, name="own-address"),
    path("<str:name>/sync", views.sync, name="sync"),
    path("<str:name>/password", views.password, name="password"),
    path("<str:name>/drop", views.drop, name="drop"),
]
