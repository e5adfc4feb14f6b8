"""What a page does in the name of whoever is signed in: its forms post to no API, and its pictures sign nobody out."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse


def refuse_forms(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: refuse what a form on a page sends to the API in the name of whoever is signed in.

    Label Studio checks no CSRF token there, and HTML in a task may hold a form. Scripts and programs ask for anything;
    a browser that follows a form asks for a page.
    """

    def respond(request: HttpRequest) -> HttpResponse:
        if (
            request.method not in ("GET", "HEAD", "OPTIONS")
            and request.path_info.startswith("/api/")
            and settings.SESSION_COOKIE_NAME in request.COOKIES
            and "HTTP_AUTHORIZATION" not in request.META
            and request.headers.get("Accept", "").startswith("text/html")
        ):
            return JsonResponse({"detail": "Forms of pages cannot call the API.", "status_code": 403}, status=403)
        return get_response(request)

    return respond


def keep_logged_in(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a picture or frame in a task that leads to `/logout` signs nobody out.

    Label Studio logs out by GET. Browsers say what they load an address for.
    """

    def respond(request: HttpRequest) -> HttpResponse:
        wanted = request.headers.get("Sec-Fetch-Dest", "document")
        if request.path_info.rstrip("/") == "/logout" and wanted != "document":
            return JsonResponse({"detail": "Only a page can log out.", "status_code": 403}, status=403)
        return get_response(request)

    return respond
