"""What makes the server act for a tenant, and is an administrator's to set up: unless POLARDB_TENANTS_MAY lends it."""

from __future__ import annotations

import re
from typing import Any

from core.current_request import CurrentContext
from django.http import HttpRequest
from rest_framework.exceptions import PermissionDenied

from polardb_bridge.conf import configuration
from polardb_bridge.deployments.models import Deployment

# Routes by the kind that they belong to. Syncing what an administrator has set up is a tenant's, too.
_ROUTES = {
    "storages": re.compile(r"/api/storages/(?!(export/)?polardb/\d+/sync/?$)"),
    "ml-backends": re.compile(r"/api/ml(/\d+)?/?$"),
    "webhooks": re.compile(r"/api/webhooks(/|$)"),
}
IMPORT_URLS = "import-urls"


def check_lent(request: HttpRequest) -> None:
    """Refuse a tenant's request that sets up something which makes the server act.

    Raises:
        PermissionDenied: it is not lent.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    for kind, route in _ROUTES.items():
        if route.match(request.path_info):
            _check(kind)


def check_import_urls() -> None:
    """Refuse to fetch tasks from an address for a tenant.

    Raises:
        PermissionDenied: it is not lent.
    """
    request: Any = CurrentContext.get_request()
    user = request.user if request is not None else CurrentContext.get_user()
    if user is not None and not user.is_superuser and Deployment.objects.without_secrets().of_user(user).exists():
        _check(IMPORT_URLS)


def _check(kind: str) -> None:
    if kind not in configuration().tenants_may:
        raise PermissionDenied("Only administrators may set this up in a deployment.")
