"""The description of the API, which anybody may read: made once in each process."""

from __future__ import annotations

import threading
from functools import wraps
from typing import Any

from django.http import HttpResponse
from drf_spectacular.views import SpectacularAPIView

_lock = threading.Lock()
# By media type, and whether the reader has signed in.
_made: dict[tuple[str, bool], tuple[bytes, dict[str, str]]] = {}


def make_schema_once() -> None:
    """Keep the description in each of its forms (JSON, YAML).

    drf-spectacular makes it anew for every request, and a second or more of work for each of a stranger's requests left
    nothing for others. It is the same for all strangers, and for all who have signed in (`SERVE_PUBLIC`).
    """
    view: Any = SpectacularAPIView
    make = view.get

    @wraps(make)
    def get(self: Any, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        kind = renderer.media_type
        key = kind, bool(request.user.is_authenticated)
        with _lock:
            if key not in _made:
                answer = make(self, request, *args, **kwargs)
                content = renderer.render(answer.data, kind, self.get_renderer_context())
                content_type = f"{kind}; charset={renderer.charset}" if renderer.charset else kind
                _made[key] = content, {**answer.headers, "Content-Type": content_type}
        content, headers = _made[key]
        return HttpResponse(content, headers=headers)

    view.get = get
