"""Projects: their labeling config when it changes, and deletions while something writes into them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any

from django.db import IntegrityError
from rest_framework.exceptions import ValidationError

from polardb_bridge.errors import BridgeError

_TRIES = 3


def check_changed_config(check: Callable[[Any, str], None]) -> None:
    """Call `check(project, labeling config)` before the labeling config of a project changes.

    It raises an error of ours if it may not; that is said of the config.

    Both ways of the settings page lead through here: trying what is typed, and saving it (projects/api.py,
    ProjectLabelConfigValidateAPI; projects/serializers.py). Label Studio itself looks at results, and not at the fields
    of tasks (projects/models.py, DEV-2939).
    """
    from projects.models import Project

    validate = Project.validate_config

    @wraps(validate)
    def validate_config(self: Any, config_string: Any, strict: bool = False) -> Any:
        validated = validate(self, config_string, strict)
        if config_string != self.label_config:
            try:
                check(self, config_string)
            except BridgeError as error:
                raise ValidationError(str(error)) from None
        return validated

    Project.validate_config = validate_config


def around_deletions(prepared: Callable[[Any], AbstractContextManager[None]]) -> None:
    """Delete projects within `prepared(projects)`, and once more if something was written into one meanwhile.

    Label Studio collects what belongs to a project first, and what is added before the end breaks the deletion with a
    foreign key (projects/api.py, organizations/functions.py).
    """
    from organizations import functions
    from organizations.management.commands import destroy_organization as command
    from projects.api import ProjectAPI
    from projects.models import Project

    destroy, destroy_organization = ProjectAPI.perform_destroy, functions.destroy_organization

    @wraps(destroy)
    def perform_destroy(self: Any, instance: Any) -> None:
        with prepared(Project.objects.filter(pk=instance.pk)):
            again(lambda: destroy(self, instance))

    @wraps(destroy_organization)
    def destroy_all(org: Any) -> None:
        with prepared(Project.objects.filter(organization=org)):
            again(lambda: destroy_organization(org))

    ProjectAPI.perform_destroy = perform_destroy
    functions.destroy_organization = command.destroy_organization = destroy_all


def again(delete: Callable[[], Any]) -> Any:
    """Delete, and try it again if something was added that the deletion had not seen."""
    for left in reversed(range(_TRIES)):
        try:
            return delete()
        except IntegrityError:
            if not left:
                raise
    return None
