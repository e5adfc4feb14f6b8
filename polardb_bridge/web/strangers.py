"""What people who have not signed in may send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.settings import api_settings

MAX_BODY_BYTES = 1024 * 1024


def refuse_large_bodies(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: refuse large bodies of strangers before they are read (413).

    Label Studio takes uploads of any size, and views look at who sends them after they are in memory.
    """

    def respond(request: HttpRequest) -> HttpResponse:
        if _is_large(request) and not _has_signed_in(request):
            problem = f"Sign in first: requests of strangers may have {MAX_BODY_BYTES:,} bytes."
            return JsonResponse({"detail": problem, "status_code": 413}, status=413)
        return get_response(request)

    return respond


def _is_large(request: HttpRequest) -> bool:
    # In chunks, nobody knows how large it gets.
    if "HTTP_TRANSFER_ENCODING" in request.META:
        return True
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    return not length.isdigit() or int(length) > MAX_BODY_BYTES


def _has_signed_in(request: Any) -> bool:
    if request.user.is_authenticated:
        return True
    # Tokens are looked at by the views of the API.
    asked = Request(
        request, authenticators=[authenticate() for authenticate in api_settings.DEFAULT_AUTHENTICATION_CLASSES]
    )
    try:
        return bool(asked.user and asked.user.is_authenticated)
    except APIException:
        return False
