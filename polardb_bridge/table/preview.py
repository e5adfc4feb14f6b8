"""A first look at a source table: its first rows with small pictures of their images."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from PIL import Image

from polardb_bridge.errors import RowError
from polardb_bridge.table.field_values import stored_size
from polardb_bridge.table.filtering import with_filter
from polardb_bridge.table.images.container import container_size
from polardb_bridge.table.images.decode import DECODING, DecodedImage
from polardb_bridge.table.images.limits import MAX_DECODED_PIXELS, Size
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key, problem_of
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.media.kinds import ANY, Medium, medium_of
from polardb_bridge.table.names import name_column, name_or_key
from polardb_bridge.table.pictures import Pictures, pictures_of
from polardb_bridge.table.reading_pictures import read_picture
from polardb_bridge.table.stored import holds_result
from polardb_bridge.table.text import shown

# What is read at most for the pictures, in bytes of base64: of one row, and of all rows together.
MAX_ROW_BYTES = 8 * 1024 * 1024
MAX_BYTES = 32 * 1024 * 1024
THUMBNAIL_PIXELS = 64
# Scaled down while it is decoded.
MAX_JPEG_PIXELS = 24_000_000


@dataclass(frozen=True)
class Thumbnail:
    """A row's image, scaled down: a `data:` URI, and the media type that the image's bytes show."""

    data_uri: str
    media_type: str


@dataclass(frozen=True)
class PreviewRow:
    """One row. size: bytes of the stored image, or of what there is in its place.

    media_type: as stored; of what is no image, as it is. updated_at: naive, UTC; None if it is no time.

    thumbnail is None if there is no image, or it was not read or cannot be shown; problem then says why.
    """

    id: Key
    original_name: str
    size: int
    media_type: str
    updated_at: datetime | None
    is_annotated: bool
    thumbnail: Thumbnail | None = None
    problem: str = ""


def read_preview_rows(
    connection: sa.Connection, table: sa.Table, limit: int, accepted: frozenset[Medium] = ANY
) -> list[PreviewRow]:
    """The first `limit` rows by key, with thumbnails as far as MAX_ROW_BYTES and MAX_BYTES allow.

    accepted: what rows may hold in the place of an image.
    """
    field = mapping_of(table).picture_field
    pictures = Pictures(table, field, accepted) if field else None
    key = key_of(table)
    query = (
        sa.select(
            *key.columns,
            name_column(table).label("original_name"),
            (sa.func.coalesce(pictures.size, 0) if pictures else stored_size(table)).label("size"),
            (table.c.mime_type if "mime_type" in table.c else sa.literal("")).label("mime_type"),
            (table.c.updated_at if "updated_at" in table.c else sa.null()).label("updated_at"),
            holds_result(table).label("is_annotated"),
        )
        .order_by(*key.columns)
        .limit(limit)
    )
    picture = mapping_of(table).picture
    page = 0 if picture and picture.kind.is_list else None
    # A view or a query can have rows without key, and those come first.
    has_key = (column.is_not(None) for column in key.columns) if not mapping_of(table).is_guarded else ()
    query = with_filter(query, table).where(*has_key)
    previews = []
    bytes_left = MAX_BYTES
    for row in connection.execute(query).all():
        row_id = key.read(row[: key.width])
        thumbnail, problem = None, problem_of(row_id)
        media_type = row.mime_type
        if problem or not pictures or (not row.size and field in mapping_of(table).fields):
            pass
        elif row.size > min(MAX_ROW_BYTES, bytes_left):
            problem = "the image is too large for the preview"
        else:
            bytes_left -= row.size
            try:
                stored = read_picture(connection, pictures, row_id, MAX_ROW_BYTES)
                image = pictures.decode(stored, page, max_bytes=MAX_BYTES)
                is_image = medium_of(image.media_type) is Medium.IMAGE
                thumbnail, media_type = (make_thumbnail(image), media_type) if is_image else (None, image.media_type)
            except RowError as error:
                problem = str(error)
        previews.append(
            PreviewRow(
                row_id,
                shown((name_or_key(table, row.original_name, row_id) or b"").decode(errors="replace")),
                row.size,
                media_type,
                row.updated_at,
                bool(row.is_annotated),
                thumbnail,
                problem,
            )
        )
    return previews


def make_thumbnail(image: DecodedImage) -> Thumbnail:
    """A small picture of a row's.

    Raises:
        RowError: it is not an image that can be labeled.
    """
    try:
        data = _scaled_down(image)
    except RowError:
        raise
    except Exception as error:  # noqa: BLE001  browsers show more than this decoder, which raises nearly everything
        raise RowError(f"there is no preview of this image ({error})") from None
    return Thumbnail(f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}", image.media_type)


def _scaled_down(decoded: DecodedImage) -> bytes:
    if decoded.media_type in ("image/webp", "image/avif"):
        _check_size(container_size(decoded.data), MAX_DECODED_PIXELS)  # their decoders take room for all pixels at once
    with DECODING, Image.open(io.BytesIO(decoded.data)) as image:
        _check_size(image.size, MAX_JPEG_PIXELS if decoded.media_type == "image/jpeg" else MAX_DECODED_PIXELS)
        image.draft("RGB", (2 * THUMBNAIL_PIXELS, 2 * THUMBNAIL_PIXELS))  # JPEG: decode at a smaller scale
        image.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        buffer = io.BytesIO()
        image.convert("RGBA" if image.has_transparency_data else "RGB").save(buffer, "WEBP", quality=70)
        return buffer.getvalue()


def _check_size(size: Size, limit: int) -> None:
    width, height = size
    if width * height > limit:
        raise RowError(f"the image is too large for the preview ({width} x {height} pixels)")


@dataclass(frozen=True)
class ShownPicture:
    """A row's image as browsers show it. image: a `data:` URI; empty if it cannot be shown; problem then says why."""

    row_id: Key
    original_name: str
    image: str = ""
    problem: str = ""


def read_next_picture(connection: sa.Connection, table: sa.Table, after: Key | None) -> ShownPicture | None:
    """The image of the row with the next id, or of the first one behind the last; None if there is no row."""
    key = key_of(table)
    query = sa.select(*key.columns, name_column(table).label("original_name")).order_by(*key.columns).limit(1)
    query = with_filter(query, table).where(*(column.is_not(None) for column in key.columns))
    row = connection.execute(query if after is None else query.where(key.after(after))).first()
    if row is None:
        return read_next_picture(connection, table, None) if after is not None else None
    row_id = key.read(row[: key.width])
    name = shown((name_or_key(table, row.original_name, row_id) or b"").decode(errors="replace"))
    try:
        pictures = pictures_of(table)
        stored = read_picture(connection, pictures, row_id, MAX_ROW_BYTES)
        if stored.size > MAX_ROW_BYTES:
            return ShownPicture(row_id, name, problem="the image is too large for the preview")
        return ShownPicture(row_id, name, pictures.data_uri(stored) or "")
    except RowError as error:
        return ShownPicture(row_id, name, problem=str(error))
