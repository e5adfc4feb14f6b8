"""Connecting ML backends, as Label Studio's own API does."""

from __future__ import annotations

import re
from typing import Any

from ml.api import MLBackendListAPI
from ml.models import MLBackend
from ml.serializers import MLBackendSerializer
from projects.models import Project
from rest_framework.exceptions import APIException

_TAG = re.compile(r"<[^>]*>")


def connect_backend(project: Project, **values: Any) -> list[str]:
    """Connect a backend to the project; why not, if it was refused.

    Label Studio asks its address for its health, and sets it up, before it is saved. That takes some seconds at most.

    values: `url`, `title`, `is_interactive`, and for a backend that asks for a password `basic_auth_user` and
    `basic_auth_pass`.
    """
    if values.get("basic_auth_user"):
        values["auth_method"] = "BASIC_AUTH"
    # An empty password is the one that was set before, to its serializer, which fails where there was none.
    given = {name: value for name, value in values.items() if value != ""}
    serializer = MLBackendSerializer(data={"project": project.pk, **given})
    try:
        if not serializer.is_valid():
            return [text for texts in serializer.errors.values() for text in _plain(texts)]
        # It sets the model version of a project that has none, which makes predictions visible.
        MLBackendListAPI().perform_create(serializer)
    except APIException as error:
        return list(_plain(error.detail))
    return []


def backends_of(project: Project) -> list[MLBackend]:
    """As they were when they were last asked; none is asked now."""
    return list(MLBackend.objects.filter(project=project).order_by("pk"))


def _plain(texts: Any) -> list[str]:
    """Messages without the tags that Label Studio's own page shows."""
    return [_TAG.sub("", str(text)) for text in (texts if isinstance(texts, list) else [texts])]
