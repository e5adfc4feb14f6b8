"""Answers for what Label Studio's API takes for its own failure: something was deleted while it was being changed."""

from __future__ import annotations

from typing import Any

from core.utils.common import custom_exception_handler
from django.db import DatabaseError, IntegrityError
from rest_framework.exceptions import NotFound
from rest_framework.response import Response


def exception_handler(exc: Exception, context: Any) -> Response:
    """Label Studio's own, with 404 in place of 500 if another request has deleted the annotation or its task.

    A submit reads its annotation again for the webhooks (webhooks/utils.py, api_webhook), and saves the task after it.
    """
    if _is_deleted(exc):
        exc = NotFound("It was deleted meanwhile.")
    response: Response = custom_exception_handler(exc, context)
    return response


def _is_deleted(exc: Exception) -> bool:
    from tasks.models import Annotation, Task

    if isinstance(exc, IntegrityError):
        # SQLite and PostgreSQL: the task, or the annotation of a draft, is gone.
        return "foreign key" in str(exc).lower()
    if isinstance(exc, DatabaseError):
        return "did not affect any rows" in str(exc)
    return isinstance(exc, (Annotation.DoesNotExist, Task.DoesNotExist))
