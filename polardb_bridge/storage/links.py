"""The address under which Label Studio shows the image of a row: `/data/polardb/?d=<storage>/<row>/<version>.jpg`.

Of a row that holds several, or another medium, the field of the mapping follows: `…/<version>/<field>.<extension>`.
Of a list, the page stands behind the version, from 0: `<version>.<page>.jpg`.

The path starts with `/data/` and the address ends in an image extension, so Label Studio's SDK (and every ML backend
that uses its `get_local_path`) downloads it like Label Studio's own files. The version, with the
revision of a task that was refreshed (`<version>-<revision>`), changes with the image: caches that never ask again
still see the new one. A key that is no number stands there as `~` and its UTF-8 in URL-safe base64: whatever it holds,
the address has letters, digits and `-_~` only.

Tasks hold it without the path below which Label Studio is served (LABEL_STUDIO_HOST): that is put before it when a task
is read, and may change.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from dataclasses import dataclass

from django.conf import settings

from polardb_bridge.table.keys import Key

PATH = "data/polardb/"
_IN_TASKS = f"/{PATH}?d="
# Some hosts and paths: tasks of earlier versions hold the path of their time.
_MAX_BEFORE = 500
# Of MAX_KEY_LENGTH characters.
_MAX_ENCODED = 2731
_IMAGE = re.compile(
    rf"([0-9]{{1,9}})/(?:(-?[0-9]{{1,19}})|~([A-Za-z0-9_-]{{0,{_MAX_ENCODED}}}))/([0-9]{{1,18}})(?:-([0-9]{{1,9}}))?"
    r"(?:\.([0-9]{1,4}))?(?:\.jpg|/([A-Za-z][A-Za-z0-9_]{0,63})\.([a-z0-9]{1,5}))"
)


@dataclass(frozen=True)
class ImageLink:
    """Which image.

    version: the row's (table/versions.py). revision: how often its task was refreshed. page: of a list.
    field: of the mapping; empty for the only one, or the first. extension: for programs that look at it alone.
    """

    storage_id: int
    row_id: Key
    version: int
    revision: int = 0
    page: int | None = None
    field: str = ""
    extension: str = dataclasses.field(default="jpg", compare=False)

    @property
    def url(self) -> str:
        """As tasks hold it."""
        revision = f"-{self.revision}" if self.revision else ""
        page = "" if self.page is None else f".{self.page}"
        end = f"/{self.field}.{self.extension}" if self.field else ".jpg"
        return f"{_IN_TASKS}{self.storage_id}/{self.row}/{self.version}{revision}{page}{end}"

    @property
    def row(self) -> str:
        """The key as addresses have it."""
        if isinstance(self.row_id, int):
            return str(self.row_id)
        return "~" + base64.urlsafe_b64encode(self.row_id.encode()).decode("ascii").rstrip("=")

    @classmethod
    def parse(cls, text: str) -> ImageLink | None:
        """Read the `d` of a url; None if it is not of that form, so that nothing else gets through."""
        match = _IMAGE.fullmatch(text)
        if match is None:
            return None
        storage_id, number, encoded, version, revision, page, field, extension = match.groups()
        try:
            row_id = int(number) if number else _decoded(encoded)
        except ValueError:
            return None
        return cls(
            int(storage_id),
            row_id,
            int(version),
            int(revision or 0),
            int(page) if page else None,
            field or "",
            extension or "jpg",
        )

    @classmethod
    def of_url(cls, url: str) -> ImageLink | None:
        """Read an address that a task holds, of whatever host and path; None if it is none of ours."""
        return cls.parse(url.partition(_IN_TASKS)[2]) if is_ours(url) else None


def _decoded(text: str) -> str:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()


def is_ours(url: str) -> bool:
    """Whether a text that a task holds, which may be a whole picture, is such an address."""
    return url.startswith(("/", "http://", "https://")) and _IN_TASKS in url[:_MAX_BEFORE]


def resolved(url: str) -> str:
    """An address of ours as browsers reach it now."""
    prefix = getattr(settings, "FORCE_SCRIPT_NAME", None) or ""
    return prefix.rstrip("/") + _IN_TASKS + url.partition(_IN_TASKS)[2]
