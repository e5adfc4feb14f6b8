"""The users that ML backends act as.

Label Studio sends the token of whoever created a project to each of its ML backends (ml/api_connector.py): whoever may
add a backend there could have an administrator's. Here each project has a user of its own for that, who is nobody's
colleague and may only read the project's tasks and files, and store predictions.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from rest_framework.authtoken.models import Token
from users.models import User

from polardb_bridge.deployments.identities.models import BackendUser

DOMAIN = "backends.local"
_READS = re.compile(
    r"/data/|/tasks/\d+/(presign|resolve)/?$|/projects/\d+/(presign|resolve)/?$|/api/version/?$"
    r"|/api/(projects|tasks)/\d+/?$|/api/projects/\d+/(tasks|files|file)/?$|/api/tasks/?$|/api/current-user/whoami$"
)
_WRITES = re.compile(r"/api/predictions/?$")


def backend_user(project: Any) -> Any:
    """The user that the backends of `project` act as, with a token; created at the first call."""
    with transaction.atomic():
        found = BackendUser.objects.select_related("user").filter(project=project).first()
        if found is None:
            # It is no member of the organization: its members are people.
            user = User.objects.create_user(f"project-{project.pk}-{secrets.token_hex(4)}@{DOMAIN}")
            found = BackendUser.objects.create(user=user, project=project)
        Token.objects.get_or_create(user=found.user)
    found.user.refresh_from_db()
    return found.user


def revoke(project_id: int) -> None:
    """Void the token of a project that has no backend any more; the next one gets another."""
    Token.objects.filter(user__in=BackendUser.objects.filter(project=project_id).values("user")).delete()


def project_of(user: Any) -> BackendUser | None:
    """Which project `user` serves as a backend; None for people."""
    if not user.email.endswith(f"@{DOMAIN}"):  # saves people the query
        return None
    found: BackendUser | None = BackendUser.objects.select_related("project__organization").filter(user=user.pk).first()
    return found


def may_ask(request: HttpRequest) -> bool:
    """Whether the request is of the kind that backends make; what it may see, the project decides."""
    if request.method in ("GET", "HEAD"):
        return bool(_READS.match(request.path_info))
    return request.method == "POST" and bool(_WRITES.match(request.path_info))
