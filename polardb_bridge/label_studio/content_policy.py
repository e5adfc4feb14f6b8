"""What Label Studio's pages may load and run, as a Content-Security-Policy that browsers enforce.

Label Studio only has browsers report what breaks its policy, and that lets any inline script run. Its sanitizer of HTML
in tasks looks at an iframe's `src` and not at its `srcdoc`, so a task could run a script in whoever opens it. Here
scripts run if the page itself names them (a nonce for each request), and nothing else does: no inline handler, no
`javascript:` link, no script in uploaded files, no frame but those that Label Studio lets tasks embed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loaders import app_directories, filesystem

# Where images, sounds, videos and texts of tasks come from: storages and addresses in task data are anywhere.
_ANYWHERE = ("'self'", "data:", "blob:", "https:", "http:")
# The hosts that Label Studio's own sanitizer lets a HyperText embed.
_EMBEDDED = tuple(
    f"https://{host}"
    for host in ("www.youtube.com", "youtube.com", "www.youtube-nocookie.com", "youtube-nocookie.com", "youtu.be")
)
# The inline handlers in Label Studio's own templates: a browser runs these texts and no others.
INLINE_HANDLERS = (
    "smart_submit()",
    # Its pages for what does not exist, and for what went wrong.
    "history.back()",
    "location.reload()",
    "window.location.href='/'",
    "document.getElementById('allow_newsletters').value=document.getElementById('allow_newsletters_visual').checked",
)
# Django's own pages for administrators name their scripts from Python, where no nonce can be put in.
_ADMIN = re.compile(r"/(admin|django-rq)/")
_SCRIPT = re.compile(r"<script(?![^>]*\bnonce=)(?=[\s>])", re.IGNORECASE)


def content_policy(frame_ancestors: Sequence[str], *, analytics: bool = False) -> dict[str, Any]:
    """The settings of django-csp.

    frame_ancestors: who may show our pages in a frame. analytics: usage is reported to Label Studio's makers.
    """
    hashes = (
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in INLINE_HANDLERS
    )
    return {
        "CSP_DEFAULT_SRC": ("'self'",),
        # WebAssembly decodes sounds. Without 'self': files that people upload come from the same host.
        "CSP_SCRIPT_SRC": ("'wasm-unsafe-eval'", "'report-sample'"),
        "CSP_SCRIPT_SRC_ATTR": ("'unsafe-hashes'", *hashes, "'report-sample'"),
        "CSP_INCLUDE_NONCE_IN": ["script-src"],
        "CSP_WORKER_SRC": ("'self'", "blob:"),
        # React writes styles into its elements.
        "CSP_STYLE_SRC": ("'self'", "'unsafe-inline'"),
        "CSP_FONT_SRC": ("'self'", "data:"),
        "CSP_IMG_SRC": _ANYWHERE,
        "CSP_MEDIA_SRC": _ANYWHERE,
        "CSP_CONNECT_SRC": _ANYWHERE,
        "CSP_FRAME_SRC": (*_EMBEDDED, *(("https://labelstud.io",) if analytics else ())),
        "CSP_OBJECT_SRC": ("'none'",),
        "CSP_BASE_URI": ("'self'",),
        "CSP_FORM_ACTION": ("'self'",),
        "CSP_FRAME_ANCESTORS": tuple(frame_ancestors),
    }


def admit_own_scripts(get_response: Any) -> Any:
    """Middleware: pages below /admin/ may load scripts of this host, which their templates cannot mark."""

    def respond(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = get_response(request)
        if _ADMIN.match(request.path_info):
            response._csp_update = {"script-src": "'self'"}
        return response

    return respond


def with_nonces(template: str) -> str:
    """The template with a nonce in each script that it names itself; what is filled in later gets none."""
    return _SCRIPT.sub('<script nonce="{{ request.csp_nonce }}"', template)


class _NonceMixin:
    def get_contents(self, origin: Any) -> str:
        return with_nonces(super().get_contents(origin))


class FilesystemLoader(_NonceMixin, filesystem.Loader):
    """Templates of `DIRS`, with nonces."""


class AppDirectoriesLoader(_NonceMixin, app_directories.Loader):
    """Templates of apps, with nonces."""
