"""What people see who send a form of a page that another session has opened (Django's `CSRF_FAILURE_VIEW`)."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from polardb_bridge.web.language import in_readers_language

# Of what was typed, these are not shown again.
_SECRET = ("password", "pass", "own", "token")


@in_readers_language
def form_is_outdated(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that nothing was done (403), with what was typed if it came from a page of ours."""
    origin = request.headers.get("Origin", "")
    is_ours = origin != "null" and urlsplit(origin).netloc == request.get_host()
    sent = [value for name, value in request.POST.items() if _is_typed(name, value)] if is_ours else []
    page = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}):
        page = ""
    return render(request, "polardb/outdated.html", {"sent": sent, "page": page}, status=403)


def _is_typed(name: str, value: str) -> bool:
    return bool(value.strip()) and not any(word in name.lower() for word in _SECRET) and name not in ("back", "before")
