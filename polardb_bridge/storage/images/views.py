"""Images straight from their rows, for tasks that hold a link (`image_delivery: link`)."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import replace
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from polardb_bridge.errors import BridgeError, RowError
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.images.placeholder import drawn
from polardb_bridge.storage.images.reading import LargeImage, read
from polardb_bridge.storage.keyed import with_keys
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.table.fields import Field
from polardb_bridge.table.horizon import Horizon
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.keys import shown_key

logger = logging.getLogger(__name__)

_Answer = TypeVar("_Answer", bound=HttpResponseBase)

RETRY_AFTER_S = 10
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_cache = ImageCache()


class ImageView(APIView):
    """One image, for people who may see the project of its task.

    200, 206, 304 or 416 with the image; 404 if there is no such image for this person, or it cannot be shown (pages get
    200 and a picture of the reason); 503 while the database does not answer.
    """

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        tags=["Storage: PolarDB"],
        summary="Get an image by link",
        description="For members of the project's organization, and ML backends by token. Takes `Range` and "
        "`If-None-Match`; the answer is always the row's present image.",
        parameters=[
            OpenApiParameter(
                "d",
                str,
                required=True,
                description="`<storage>/<row>/<version>.jpg`, of a list `<storage>/<row>/<version>.<page>.jpg`",
            )
        ],
        responses={
            (200, "image/*"): OpenApiTypes.BINARY,
            404: OpenApiResponse(
                description="There is no such image for this person, or it cannot be decoded (pages get 200 and a "
                "picture of the reason)"
            ),
            503: OpenApiResponse(description="The database does not answer; `Retry-After` says when to ask again"),
        },
    )
    def get(self, request: Request, path: str = "") -> HttpResponseBase:
        link = ImageLink.parse(request.query_params.get("d", ""))
        found = _find(link, request) if link else None
        if link is None or found is None or not _can_be(link, found.storage.table_mapping.picture):
            return _refused(request, "There is no such image.", 404)
        # Whatever version was asked for, the row's present image is the answer.
        present = replace(
            link, storage_id=found.storage_id, version=found.version, revision=_memory(found, "revision", 0)
        )
        in_doubt = _is_in_doubt(found)
        known = request.headers.get("If-None-Match", "")
        if not in_doubt and present == link and known == _etag(present):
            return _with_headers(HttpResponse(status=304), known, in_doubt)
        try:
            image = (None if in_doubt else _cache.get(present)) or read(
                found.storage, present.row_id, found.version, link.page
            )
        except RowError as error:
            unreadable.remember(found, str(error))
            # Label Studio's editor shows nothing but a 200, and says otherwise that CORS is the reason. Programs must
            # not take the picture of a sentence for the row's.
            return _refused(request, f"Row {shown_key(link.row_id)}: {error}.", 404, status_for_pages=200)
        except BridgeError as error:
            logger.warning("Image of row %s of storage %s: %s", shown_key(link.row_id), link.storage_id, error)
            answer = _refused(request, "The database of this image does not answer. Try again soon.", 503)
            answer["Retry-After"] = str(RETRY_AFTER_S)
            return answer
        unreadable.forget(found, link.page)
        if isinstance(image, DecodedImage) and not in_doubt:
            _cache.put(present, image)
        etag = f'"{_digest(image)}"' if in_doubt else _etag(present)
        if known == etag:
            return _with_headers(HttpResponse(status=304), etag, in_doubt)
        return _with_headers(_content(request, image), etag, in_doubt)


def _can_be(link: ImageLink, picture: Field | None) -> bool:
    """Whether rows have such a picture: one, or one of a list."""
    return picture is not None and picture.kind.is_list == (link.page is not None)


def _find(link: ImageLink, request: Request) -> PolarDBImportStorageLink | None:
    links = with_keys(PolarDBImportStorageLink.objects.order_by("pk"), [link.row_id])
    links = links.select_related("storage__project__organization", "storage__sync_state", "memory", "unreadable")
    found = links.filter(storage=link.storage_id).first()
    if found is None:
        known = KnownTable.objects.filter(storage_id=link.storage_id).first()
        others = links.filter(storage__in=known.storages()) if known and _is_gone(link.storage_id) else links.none()
        found = next((other for other in others if other.storage.has_permission(request.user)), None)
    return found if found and found.storage.has_permission(request.user) else None


def _is_gone(storage_id: int) -> bool:
    """Whether there is no such storage any more: then another one of its table will do."""
    return not PolarDBImportStorage.objects.filter(pk=storage_id).exists()


def _memory(found: PolarDBImportStorageLink, name: str, otherwise: Any) -> Any:
    """A field of the link's RowMemory (sync/models.py), if it has one."""
    return getattr(getattr(found, "memory", None), name, otherwise)


def _is_in_doubt(found: PolarDBImportStorageLink) -> bool:
    """Whether the row can have changed without its version: its address may be that of two images."""
    state = getattr(found.storage, "sync_state", None)
    horizon = state.horizon if state else None
    return bool(_memory(found, "digest", "")) or (
        horizon is not None and not Horizon(**horizon).is_settled(found.version)
    )


def _etag(link: ImageLink) -> str:
    page = "" if link.page is None else f"-{link.page}"
    return f'"{link.storage_id}-{link.row}-{link.version}-{link.revision}{page}"'


def _digest(image: DecodedImage | LargeImage) -> str:
    return image.digest if isinstance(image, LargeImage) else hashlib.sha256(image.data).hexdigest()


def _content(request: HttpRequest | Request, image: DecodedImage | LargeImage) -> HttpResponseBase:
    size = image.size if isinstance(image, LargeImage) else len(image.data)
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not match or match.groups() == ("", ""):
        return _part(image, 0, size)
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        if isinstance(image, LargeImage):
            image.file.close()
        answer = HttpResponse(status=416)
        answer["Content-Range"] = f"bytes */{size}"
        return answer
    answer = _part(image, start, stop, status=206)
    answer["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return answer


def _part(image: DecodedImage | LargeImage, start: int, stop: int, status: int = 200) -> HttpResponseBase:
    if isinstance(image, DecodedImage):
        return HttpResponse(image.data[start:stop], status=status, content_type=image.media_type)
    answer = StreamingHttpResponse(image.part(start, stop), status=status, content_type=image.media_type)
    answer["Content-Length"] = str(stop - start)
    return answer


def _refused(request: Request, text: str, status: int, *, status_for_pages: int | None = None) -> HttpResponse:
    """Why there is no image: drawn for pages, which would show nothing else, and as text for all others."""
    answer = _plain(text, status)
    if _is_asked_by_a_page(request):
        answer.status_code = status_for_pages or status
        answer.content = drawn(text)
        answer["Content-Type"] = "image/svg+xml"
    return answer


def _is_asked_by_a_page(request: Request) -> bool:
    """Whether a browser asks, to show it in a page: an `<img>`, or Label Studio's editor, whose scripts load it."""
    headers = request.headers
    is_browser = "Mozilla/" in headers.get("User-Agent", "") and "Authorization" not in headers
    is_image = "image/*" in headers.get("Accept", "")
    # Programs send it, too: Django wants one beside a session's cookie.
    is_script = url_has_allowed_host_and_scheme(headers.get("Referer", ""), {request.get_host()})
    return is_browser and (is_image or is_script)


def _with_headers(answer: HttpResponseBase, etag: str, in_doubt: bool) -> HttpResponseBase:
    answer["ETag"] = etag
    # Asked for again each time, and sent again if it has changed: who may see it can have changed, too. Shared caches
    # must not keep it.
    answer["Cache-Control"] = "private, no-cache"
    answer["Accept-Ranges"] = "bytes"
    return _harmless(answer)


def _plain(text: str, status: int) -> HttpResponse:
    answer = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    return _harmless(answer)


def _harmless(answer: _Answer) -> _Answer:
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
