"""Images straight from their rows, for tasks that hold a link (`image_delivery: link`)."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from polardb_bridge.errors import BridgeError, RowError
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.images.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorageLink
from polardb_bridge.table.connection import connect
from polardb_bridge.table.images import DecodedImage, decode_image
from polardb_bridge.table.rows import read_image

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 10
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_cache = ImageCache()


class ImageView(APIView):
    """One image, for people who may see the project of its task.

    200, 206, 304 or 416 with the image; 404 if there is no such image for this person; 503 while the database does
    not answer.
    """

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        tags=["Storage: PolarDB"],
        summary="Get an image by link",
        description="For members of the project's organization, and ML backends by token. Takes `Range` and "
        "`If-None-Match`; the answer is always the row's present image.",
        parameters=[OpenApiParameter("d", str, required=True, description="`<storage>/<row>/<version>.jpg`")],
        responses={
            (200, "image/*"): OpenApiTypes.BINARY,
            404: OpenApiResponse(description="There is no such image for this person, or it cannot be decoded"),
            503: OpenApiResponse(description="The database does not answer; `Retry-After` says when to ask again"),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        link = ImageLink.parse(request.query_params.get("d", ""))
        found = _find(link, request) if link else None
        if link is None or found is None:
            return _plain("There is no such image.", 404)
        if found.version == link.version and request.headers.get("If-None-Match") == _etag(link):
            return _with_headers(HttpResponse(status=304), link)
        # Whatever version was asked for, the row's present image is the answer.
        link = replace(link, version=found.version)
        try:
            image = _cache.get(link) or _read(found, link)
        except RowError as error:
            return _plain(f"Row {link.row_id}: {error}.", 404)
        except BridgeError as error:
            logger.warning("Image of row %s of storage %s: %s", link.row_id, link.storage_id, error)
            answer = _plain("The database of this image does not answer. Try again soon.", 503)
            answer["Retry-After"] = str(RETRY_AFTER_S)
            return answer
        return _with_headers(_content(request, image), link)


def _find(link: ImageLink, request: Request) -> PolarDBImportStorageLink | None:
    links = PolarDBImportStorageLink.objects.filter(storage=link.storage_id, row_id=link.row_id)
    found = links.select_related("storage__project__organization").first()
    return found if found and found.storage.has_permission(request.user) else None


def _read(found: PolarDBImportStorageLink, link: ImageLink) -> DecodedImage:
    parameters = replace(found.storage.connection_parameters(), timeout_s=2)
    with connect(parameters) as connection:
        image = decode_image(read_image(connection, found.storage.source_table, link.row_id))
    _cache.put(link, image)
    return image


def _etag(link: ImageLink) -> str:
    return f'"{link.storage_id}-{link.row_id}-{link.version}"'


def _content(request: HttpRequest | Request, image: DecodedImage) -> HttpResponse:
    size = len(image.data)
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not match or match.groups() == ("", ""):
        return HttpResponse(image.data, content_type=image.media_type)
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        answer = HttpResponse(status=416)
        answer["Content-Range"] = f"bytes */{size}"
        return answer
    answer = HttpResponse(image.data[start:stop], status=206, content_type=image.media_type)
    answer["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return answer


def _with_headers(answer: HttpResponse, link: ImageLink) -> HttpResponse:
    answer["ETag"] = _etag(link)
    # Asked for again each time, and sent again if it has changed: who may see it can have changed, too. Shared caches
    # must not keep it.
    answer["Cache-Control"] = "private, no-cache"
    answer["Accept-Ranges"] = "bytes"
    return _harmless(answer)


def _plain(text: str, status: int) -> HttpResponse:
    answer = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    answer["Cache-Control"] = "no-store"
    return _harmless(answer)


def _harmless(answer: HttpResponse) -> HttpResponse:
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer
