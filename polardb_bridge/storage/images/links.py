"""The url under which Label Studio shows the image of a row: `/data/polardb/?d=<storage>/<row>/<version>.jpg`.

The path starts with `/data/` and the url ends in an image extension, so Label Studio's SDK (and every ML backend
that uses its `get_local_path`) downloads it like Label Studio's own files. The version, with the
revision of a task that was refreshed (`<version>-<revision>`), changes with the image: caches that never ask again
still see the new one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.conf import settings

PATH = "data/polardb/"
_IMAGE = re.compile(r"([0-9]{1,9})/(-?[0-9]{1,19})/([0-9]{1,18})(?:-([0-9]{1,9}))?\.jpg")


@dataclass(frozen=True)
class ImageLink:
    """Which image. version: the row's (table/rows.py). revision: how often its task was refreshed."""

    storage_id: int
    row_id: int
    version: int
    revision: int = 0

    @property
    def url(self) -> str:
        prefix = getattr(settings, "FORCE_SCRIPT_NAME", None) or ""
        revision = f"-{self.revision}" if self.revision else ""
        return f"{prefix.rstrip('/')}/{PATH}?d={self.storage_id}/{self.row_id}/{self.version}{revision}.jpg"

    @classmethod
    def parse(cls, text: str) -> ImageLink | None:
        """Read the `d` of a url; None if it is not of that form. Numbers only, so nothing else gets through."""
        match = _IMAGE.fullmatch(text)
        return cls(*map(int, match.groups(default="0"))) if match else None
