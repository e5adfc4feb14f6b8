"""Images and other media straight from their rows, for tasks that hold a link (`image_delivery: link`)."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from polardb_bridge.errors import BridgeError, RowError
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.images.answers import close, content, plain, with_headers
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.images.pace import check_room
from polardb_bridge.storage.images.placeholder import drawn
from polardb_bridge.storage.images.reading import LargeImage, Picture, read
from polardb_bridge.storage.images.streaming import MediumStream
from polardb_bridge.storage.keyed import with_keys
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.shown_media import shown_pictures
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.table.horizon import Horizon
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.keys import shown_key
from polardb_bridge.table.large_media import ChangedError
from polardb_bridge.table.media.kinds import Medium
from polardb_bridge.table.pictures import Pictures

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 10
_cache: ImageCache[DecodedImage | MediumStream] = ImageCache()


class ImageView(APIView):
    """One image, or another medium, for people who may see the project of its task.

    200, 206, 304 or 416 with the image; 404 if there is no such image for this person, or it cannot be shown (pages get
    200 and a picture of the reason in the place of an image); 503 while the database does not answer.
    """

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        tags=["Storage: PolarDB"],
        summary="Get an image, a sound, a video, a text or a PDF document by link",
        description="For members of the project's organization, and ML backends by token. Takes `Range`, `If-Range` "
        "and `If-None-Match`; the answer is always what the row holds at present. Of a large file that is no image, a "
        "range is answered with its first part.",
        parameters=[
            OpenApiParameter(
                "d",
                str,
                required=True,
                description="`<storage>/<row>/<version>.jpg`, or `<storage>/<row>/<version>/<field>.<extension>`; of a "
                "list `<version>.<page>`",
            )
        ],
        responses={
            (200, "*/*"): OpenApiTypes.BINARY,
            (206, "*/*"): OpenApiTypes.BINARY,
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
        if link is None or found is None or not _holds(found.storage, link):
            return _refused(request, "There is no such image.", 404)
        # Whatever version was asked for, the row's present image is the answer.
        present = replace(
            link, storage_id=found.storage_id, version=found.version, revision=_memory(found, "revision", 0)
        )
        in_doubt = _is_in_doubt(found)
        known = request.headers.get("If-None-Match", "")
        if not in_doubt and present == link and known == _etag(present):
            return with_headers(HttpResponse(status=304), known)
        pictures = shown_pictures(found.storage, link.field)
        try:
            kept = None if in_doubt else _cache.get(present)
            try:
                answer = _answer(request, kept or _read(found, pictures, present, in_doubt), present, in_doubt)
            except ChangedError:  # since it was kept, or just now
                answer = _answer(request, _read(found, pictures, present, in_doubt), present, in_doubt)
        except RowError as error:
            unreadable.remember(found, unreadable.problem_of(pictures, error))
            text = f"Row {shown_key(link.row_id)}: {error}."
            if Medium.IMAGE not in pictures.accepted:
                return plain(text, 404)
            # Label Studio's editor shows nothing but a 200, and says otherwise that CORS is the reason. Programs must
            # not take the picture of a sentence for the row's.
            return _refused(request, text, 404, status_for_pages=200)
        except BridgeError as error:
            logger.warning("Image of row %s of storage %s: %s", shown_key(link.row_id), link.storage_id, error)
            answer = _refused(request, "The database of this image does not answer. Try again soon.", 503)
            answer["Retry-After"] = str(RETRY_AFTER_S)
            return answer
        unreadable.forget(found, pictures, link.page)
        return answer


def _holds(storage: PolarDBImportStorage, link: ImageLink) -> bool:
    """Whether rows of the storage hold such a picture: one, or one of a list; in this field if one is named."""
    mapping = storage.table_mapping
    sources = mapping.pictures.get(link.field or mapping.picture_field or "", ())
    return any(source.kind.is_list == (link.page is not None) for source in sources)


def _read(found: PolarDBImportStorageLink, pictures: Pictures, present: ImageLink, in_doubt: bool) -> Picture:
    image = read(found.storage, pictures, present.row_id, found.version, page=present.page, in_doubt=in_doubt)
    if not in_doubt and not isinstance(image, LargeImage):
        _cache.put(present, image)
    return image


def _answer(request: Request, image: Picture, present: ImageLink, in_doubt: bool) -> HttpResponseBase:
    if isinstance(image, MediumStream):
        check_room()
        image = image.for_another()  # what is kept serves several
    etag = f'"{_digest(image)}"' if in_doubt else _etag(present, image)
    if request.headers.get("If-None-Match", "") == etag:
        close(image)
        return with_headers(HttpResponse(status=304), etag)
    return with_headers(content(request, image, etag), etag)


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


def _etag(link: ImageLink, image: Picture | None = None) -> str:
    """Of a large medium, with what the row says now: its parts must not be those of two."""
    page = "" if link.page is None else str(link.page)
    more = [part for part in (page, link.field, image.medium.etag if isinstance(image, MediumStream) else "") if part]
    return f'"{"-".join([f"{link.storage_id}-{link.row}-{link.version}-{link.revision}", *more])}"'


def _digest(image: Picture) -> str:
    if isinstance(image, MediumStream):
        return image.medium.etag
    return image.digest if isinstance(image, LargeImage) else hashlib.sha256(image.data).hexdigest()


def _refused(request: Request, text: str, status: int, *, status_for_pages: int | None = None) -> HttpResponse:
    """Why there is no image: drawn for pages, which would show nothing else, and as text for all others."""
    answer = plain(text, status)
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
