"""A new first password for a deployment whose user has changed, and forgotten, the one before."""

from __future__ import annotations

from django.contrib.auth.password_validation import password_changed
from django.db import transaction

from polardb_bridge.deployments.deploy import random_password
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import NoSuchDeploymentError


def reset_password(deployment: Deployment) -> str:
    """Give the deployment's user a new password, which ends their sessions and tokens.

    Raises:
        NoSuchDeploymentError: it was dropped meanwhile, or has no user any more.
    """
    password = random_password()
    with transaction.atomic():
        current = Deployment.objects.select_for_update().filter(pk=deployment.pk, user__isnull=False).first()
        if current is None:
            raise NoSuchDeploymentError(f"The deployment {deployment.name!r} no longer exists.")
        current.user.set_password(password)
        current.user.save(update_fields=["password"])
        password_changed(password, current.user)
        current.first_password, current.first_password_hash = password, current.user.password
        current.save(update_fields=["first_password", "first_password_hash"])
    return password
