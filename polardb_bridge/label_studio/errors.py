"""Answers for what Label Studio's API takes for its own failure: the request is at fault, or came too late."""

from __future__ import annotations

from typing import Any

from core.utils.common import custom_exception_handler
from django.conf import settings
from django.core import exceptions
from django.db import DatabaseError, IntegrityError
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.views import TokenViewBase


def exception_handler(exc: Exception, context: Any) -> Response:
    """Label Studio's own, with 4xx in place of 500 if the request is at fault."""
    response: Response = custom_exception_handler(_of_the_request(exc, context.get("view")) or exc, context)
    return response


def _of_the_request(exc: Exception, view: Any) -> APIException | None:
    """What the request has done wrong; None if that is not known."""
    from core.views import TriggerAPIError
    from users.models import User

    if _is_deleted(exc):
        # A submit reads its annotation again for the webhooks (webhooks/utils.py), and saves the task then.
        return NotFound("It was deleted meanwhile.")
    match exc:
        case User.DoesNotExist() if isinstance(view, TokenViewBase):
            return InvalidToken()  # of a user who was deleted
        case Exception() if isinstance(view, TriggerAPIError) and not settings.DEBUG:
            return NotFound()  # it fails to try how failures look
        case AttributeError(name="has_permission", obj=None):
            return NotFound()  # what is asked for is not looked at before (data_import/api.py, UploadedFileResponse)
        case exceptions.ValidationError():
            return ValidationError(exc.messages)  # as its forms raise it (users/functions/common.py, check_avatar)
        case exceptions.FieldError():
            return ValidationError("There is no such field to filter or order by.")
        case UnicodeEncodeError(reason="surrogates not allowed"):
            return ValidationError("A text has half a character: a surrogate without the other one.")
        case RecursionError():
            return ValidationError("Something in the request is nested too deeply.")
    return None


def _is_deleted(exc: Exception) -> bool:
    from tasks.models import Annotation, Task

    if isinstance(exc, IntegrityError):
        # SQLite and PostgreSQL: the task, or the annotation of a draft, is gone.
        return "foreign key" in str(exc).lower()
    if isinstance(exc, DatabaseError):
        return "did not affect any rows" in str(exc)
    return isinstance(exc, (Annotation.DoesNotExist, Task.DoesNotExist))
