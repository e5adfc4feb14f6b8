"""English or Chinese, as the reader's browser asks or the reader has chosen.

Label Studio itself is English only: pages of ours choose for themselves, and its own stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

# `?language=zh-hans` chooses, and is remembered.
PARAMETER = "language"
_REMEMBERED_S = 365 * 24 * 3600


def in_readers_language(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Answer in the language of the request; templates are rendered within."""

    @wraps(view)
    def translated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        chosen = request.GET.get(PARAMETER, "")
        known = chosen in dict(settings.LANGUAGES)
        language = chosen if known else translation.get_language_from_request(request)
        with translation.override(language):
            response = view(request, *args, **kwargs)
            render = getattr(response, "render", None)
            if render is not None:
                response = render()
        response.headers["Content-Language"] = language
        patch_vary_headers(response, ["Accept-Language", "Cookie"])
        if known:
            response.set_cookie(settings.LANGUAGE_COOKIE_NAME, chosen, max_age=_REMEMBERED_S, samesite="Lax")
        return response

    return translated
