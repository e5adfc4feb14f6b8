"""Addresses that people type: a slash at the end more or less makes no difference.

Label Studio has Django's own redirect (`APPEND_SLASH`) off.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from django.urls import URLPattern, path


def in_both_forms(routes: Sequence[URLPattern]) -> list[URLPattern]:
    """The routes, and behind all of them each page's once more, with the slash at its end that it lacks or without it.

    Routes keep their names, which lead to the first form. Files (`console.css`) have one form.
    """
    pages = [route for route in routes if str(route.pattern) and not PurePosixPath(str(route.pattern)).suffix]
    return [*routes, *(path(_other_form(str(page.pattern)), page.callback) for page in pages)]


def _other_form(route: str) -> str:
    return route.removesuffix("/") if route.endswith("/") else f"{route}/"
