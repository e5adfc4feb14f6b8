"""Our routes first, then Label Studio's."""

from core.middleware import enforce_csrf_checks
from core.urls import urlpatterns as label_studio_urlpatterns
from django.urls import include, path
from django.views.generic import RedirectView

from polardb_bridge.deployments.execution.api import StatementsAPI
from polardb_bridge.deployments.tenancy.avatars import AvatarView
from polardb_bridge.deployments.tenancy.signup import signup
from polardb_bridge.deployments.views import DeploymentView, PasswordView
from polardb_bridge.storage import links
from polardb_bridge.storage.images.views import ImageView
from polardb_bridge.web.addresses import in_both_forms
from polardb_bridge.web.language import in_readers_language
from polardb_bridge.webhooks.health import HealthAPI

_DEPLOYMENT_PAGES = [
    path(
        "deployments/<str:name>/",
        enforce_csrf_checks(in_readers_language(DeploymentView.as_view())),
        name="polardb-deployment",
    ),
    path(
        "deployments/<str:name>/password/",
        enforce_csrf_checks(in_readers_language(PasswordView.as_view())),
        name="polardb-password",
    ),
]

urlpatterns = [
    path(links.PATH, ImageView.as_view(), name="polardb-image"),
    # Tasks of earlier versions hold the path below which Label Studio was served when they were made.
    path(f"<path:path>/{links.PATH}", ImageView.as_view(schema=None)),
    path("polardb-ui/", include("polardb_bridge.storage.ui.urls")),
    path("api/storages/", include("polardb_bridge.storage.urls")),
    path("api/polardb/statements", StatementsAPI.as_view(), name="polardb-statements"),
    path("api/polardb/statements/", StatementsAPI.as_view(schema=None)),
    *in_both_forms(_DEPLOYMENT_PAGES),
    path("user/signup/", signup),
    path("data/avatars/<path:path>", AvatarView.as_view()),
    path("polardb/health", HealthAPI.as_view(), name="polardb-health"),
    path("polardb/health/", HealthAPI.as_view(schema=None)),
    path("polardb", RedirectView.as_view(pattern_name="polardb-console:deployments", query_string=True)),
    path("polardb/", include("polardb_bridge.deployments.console.urls")),
    *label_studio_urlpatterns,
]
