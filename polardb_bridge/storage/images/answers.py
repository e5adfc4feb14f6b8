"""HTTP's answers to who asks for an image: the whole, a part (RFC 9110, 14), or nothing that is not known already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from polardb_bridge.storage.images.pace import paced
from polardb_bridge.storage.images.reading import LargeImage, Picture
from polardb_bridge.storage.images.streaming import MediumStream
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.media.kinds import PDF_TYPE

_Answer = TypeVar("_Answer", bound=HttpResponseBase)

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def size_of(image: Picture) -> int:
    return len(image.data) if isinstance(image, DecodedImage) else image.size


@dataclass(frozen=True)
class _Part:
    """Bytes from `start` to before `stop`; is_whole: nobody has asked for less. Empty if there are none of those."""

    start: int
    stop: int
    is_whole: bool = False

    @property
    def is_empty(self) -> bool:
        return self.start >= self.stop and not self.is_whole


def content(request: Any, image: Picture, etag: str) -> HttpResponseBase:
    """The image, or the part of it that `request` asks for.

    Raises:
        BridgeError: it cannot be read.
    """
    part = _asked(request, image, etag)
    if isinstance(image, MediumStream) and request.method != "HEAD" and not part.is_empty:
        image.prepare(part.start)
        part = _asked(request, image, etag)
    size = size_of(image)
    if part.is_empty:
        close(image)
        answer = HttpResponse(status=416)
        answer["Content-Range"] = f"bytes */{size}"
        return answer
    answer = _body(request, image, part)
    answer["Content-Length"] = str(part.stop - part.start)
    if not part.is_whole:
        answer.status_code = 206
        answer["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return answer


def _asked(request: Any, image: Picture, etag: str) -> _Part:
    size = size_of(image)
    whole = _Part(0, size, is_whole=True)
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    # Several parts at once are not offered: whoever asks gets the whole, once.
    if not match or match.groups() == ("", "") or request.headers.get("If-Range", etag) != etag:
        return whole
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if isinstance(image, MediumStream) and start < stop:
        # Players ask for all that follows, read some of it, and would hold a thread here for hours.
        stop = image.end_of_part(start, stop)
    return _Part(start, stop)


def _body(request: Any, image: Picture, part: _Part) -> HttpResponseBase:
    if isinstance(image, DecodedImage):
        return HttpResponse(image.data[part.start : part.stop], content_type=image.media_type)
    if request.method == "HEAD":
        close(image)
        return HttpResponse(content_type=image.media_type)
    pieces: Iterator[bytes] = image.part(part.start, part.stop)
    if isinstance(image, MediumStream):
        pieces = paced(pieces, request.META.get("gunicorn.socket"))
    return StreamingHttpResponse(pieces, content_type=image.media_type)


def close(image: Picture) -> None:
    """Nothing of it is sent."""
    if isinstance(image, LargeImage):
        image.file.close()


def with_headers(answer: HttpResponseBase, etag: str) -> HttpResponseBase:
    answer["ETag"] = etag
    # Asked for again each time, and sent again if it has changed: who may see it can have changed, too. Shared caches
    # must not keep it.
    answer["Cache-Control"] = "private, no-cache"
    answer["Accept-Ranges"] = "bytes"
    return harmless(answer)


def plain(text: str, status: int) -> HttpResponse:
    answer = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    return harmless(answer)


def harmless(answer: _Answer) -> _Answer:
    """The answer, which no browser takes for more than it says, or runs anything of."""
    answer["X-Content-Type-Options"] = "nosniff"
    # Browsers show PDF documents by programs of their own, and none in a sandbox.
    is_document = answer.get("Content-Type") == PDF_TYPE
    answer["Content-Security-Policy"] = "default-src 'none'" + ("" if is_document else "; sandbox")
    return answer
