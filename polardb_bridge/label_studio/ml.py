"""What Label Studio sends to ML backends."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def send_token_of(user_of: Callable[[Any], Any], last_removed: Callable[[int], None]) -> None:
    """Send ML backends the token of `user_of(project)`; `last_removed(project id)` is called when none is left.

    Label Studio sends that of whoever created the project (ml/api_connector.py, setup), often an administrator.
    """
    from django.db.models.signals import post_delete
    from ml.api_connector import MLApi
    from ml.models import MLBackend

    setup = MLApi.setup

    @wraps(setup)
    def setup_with_own_token(self: Any, project: Any, *args: Any, **kwargs: Any) -> Any:
        creator = project.created_by
        project.created_by = user_of(project)  # as far as this call sees: it is not saved
        try:
            return setup(self, project, *args, **kwargs)
        finally:
            project.created_by = creator

    def removed(sender: Any, instance: Any, **kwargs: Any) -> None:
        if not MLBackend.objects.filter(project=instance.project_id).exists():
            last_removed(instance.project_id)

    MLApi.setup = setup_with_own_token
    post_delete.connect(removed, sender=MLBackend, weak=False, dispatch_uid="polardb_ml_backend_removed")
