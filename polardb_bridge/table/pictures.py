"""The pictures of rows, one row at a time, as the table's mapping says that they are stored."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import RowError
from polardb_bridge.table.fields import Field
from polardb_bridge.table.images import base64_text, decode
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.lists import MAX_LIST_BYTES, check_list_size, items_of
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.rows import SourceRow, StaleRowError
from polardb_bridge.table.stored_pictures import (
    StoredPicture,
    picture_content,
    picture_number,
    picture_piece,
    picture_size,
    picture_source,
)
from polardb_bridge.table.unpacking import MAX_UNPACKED_BYTES, unpack, unpack_pieces
from polardb_bridge.table.versions import as_version, version_column


def read_image(
    connection: sa.Connection, table: sa.Table, row_id: Key, max_bytes: int, *, since_version: int = 0
) -> StoredPicture:
    """What one row holds of its image; not its data if they are more than `max_bytes`.

    Raises:
        RowError: there is no such row, there are several, or it holds no text.
        StaleRowError: there is none, or an older one, although there was one of `since_version`; or another one, if
            versions have no order.
    """
    size = picture_size(table)
    data = sa.case((size <= max_bytes, picture_content(table)))
    query = (
        sa.select(data, size, picture_number(table), version_column(table)).where(key_of(table).is_(row_id)).limit(2)
    )
    try:
        found = connection.execute(query).all()
    except UnicodeDecodeError as error:
        with named(picture_source(table, None)):
            raise RowError(f"base64_data is not base64: byte {error.start + 1} is no character") from None
    if not found and since_version:
        raise StaleRowError("the row is missing")
    if not found:
        raise RowError("the row is missing")
    if len(found) > 1:
        raise RowError("several rows have this key")
    [(stored, bytes_stored, number, time)] = found
    is_ordered, version = mapping_of(table).version_kind.is_ordered, as_version(time)
    if since_version and (version < since_version if is_ordered else version != since_version):
        raise StaleRowError("the row is older than the one that was read before")
    return StoredPicture(picture_source(table, number), stored, bytes_stored or 0)


def picture_of(row: SourceRow) -> StoredPicture:
    """The image of a row that was read with it."""
    if row.source is None:
        raise ValueError("the row was read without its image")
    return StoredPicture(row.source, row.base64_data, row.size)


def find_pictures(connection: sa.Connection, table: sa.Table, keys: Sequence[Key]) -> dict[Key, Field]:
    """By key, the column of the image of those of these rows that have one, whatever it is."""
    key = key_of(table)
    query = sa.select(*key.columns, picture_number(table)).where(key.among(keys), picture_size(table) > 0)
    found = {key.read(row[:-1]): picture_source(table, row[-1]) for row in connection.execute(query)}
    return found | {asked: found[there] for there, asked in key.as_asked(connection, keys, list(found)).items()}


def read_image_pieces(
    connection: sa.Connection, table: sa.Table, row_id: Key, source: Field, piece_bytes: int
) -> Iterator[bytes]:
    """The image in one column of a row, as stored, in pieces; use a transaction, or they may be of two images.

    The server reads the whole of it for each piece.
    """
    first = 1
    while True:
        piece = picture_piece(source, first, piece_bytes)
        data: bytes | None = connection.scalar(sa.select(piece).where(key_of(table).is_(row_id)))
        if not data:
            return
        yield data
        first += len(data)


def decode_image(
    stored: StoredPicture, page: int | None = None, *, max_bytes: int = MAX_UNPACKED_BYTES
) -> DecodedImage:
    """The picture as browsers show it.

    page: of a list, from 0; None: the first, if all can be shown. max_bytes: of one that is packed.

    Raises:
        RowError: there is none, or it cannot be shown (`images.decode.decode_image`).
        UnpackedTooLargeError: it is packed, and larger.
    """
    with named(stored.source):
        if stored.source.kind.is_list:
            return _decode_item(stored, page)
        data = _unpacked(stored, max_bytes)
        if stored.source.kind is FieldKind.BYTES:
            return decode.shown_image(_filled(stored, data))
        return decode.decode_image(data)


def data_uri(stored: StoredPicture) -> str:
    """The same as a `data:` URI in base64; of one picture.

    Raises:
        RowError: as `decode_image`.
    """
    with named(stored.source):
        data = _unpacked(stored)
        if stored.source.kind is FieldKind.BYTES:
            shown = decode.shown_image(_filled(stored, data))
            return f"data:{shown.media_type};base64,{base64.b64encode(shown.data).decode('ascii')}"
        return decode.data_uri(data)


def data_uris(stored: StoredPicture) -> list[str]:
    """Those of a list.

    Raises:
        RowError: as `decode_image`, of the first that cannot be shown.
    """
    uris = []
    with named(stored.source):
        for number, item in enumerate(_filled_list(stored), start=1):
            with _item(stored.source, number):
                uris.append(decode.data_uri(item))
    return uris


def picture_items(stored: StoredPicture) -> list[str]:
    """The texts of a list of pictures, or none; nobody has looked whether they are pictures.

    Raises:
        RowError: it is no list of texts.
    """
    check_list_size(stored.source.column, stored.size)
    data = _unpacked(stored, MAX_LIST_BYTES)
    return items_of(stored.source.column, data.encode() if isinstance(data, str) else data or b"")


def write_pieces(source: Field, pieces: Iterable[bytes], file: BinaryIO) -> DecodedImage | str:
    """A large picture, which comes in pieces, into a file: its media type, or the picture if it had to be converted.

    Raises:
        RowError: as `decode_image`.
    """
    with named(source):
        unpacked = unpack_pieces(source, pieces)
        if source.kind is FieldKind.BYTES:
            file.writelines(unpacked)
        else:
            base64_text.decode_pieces(unpacked, file)
        return decode.shown_file(file)


@contextmanager
def named(source: Field) -> Iterator[None]:
    """Name the column of this picture in errors of rows."""
    try:
        yield
    except RowError as error:
        raise type(error)(str(error).replace("base64_data", source.column)) from None


@contextmanager
def _item(source: Field, number: int) -> Iterator[None]:
    try:
        yield
    except RowError as error:
        what = str(error).replace("base64_data", "it")
        raise RowError(f"{source.column}, item {number}: {what}") from None


def _decode_item(stored: StoredPicture, page: int | None) -> DecodedImage:
    items = _filled_list(stored)
    if page is not None and page >= len(items):
        raise RowError(f"{stored.source.column} has {len(items)} items, and none of number {page + 1}")
    for number, item in enumerate(items if page is None else [], start=1):
        with _item(stored.source, number):
            decode.decode_image(item)
    with _item(stored.source, (page or 0) + 1):
        return decode.decode_image(items[page or 0])


def _filled_list(stored: StoredPicture) -> list[str]:
    items = picture_items(stored)
    if not items:
        raise RowError("base64_data is NULL" if stored.data is None else "base64_data is empty")
    return items


def _unpacked(stored: StoredPicture, max_bytes: int = MAX_UNPACKED_BYTES) -> str | bytes | None:
    if stored.data is None or stored.source.packing is None:
        return stored.data
    data = stored.data.encode() if isinstance(stored.data, str) else stored.data
    return unpack(stored.source, data, max_bytes)


def _filled(stored: StoredPicture, data: str | bytes | None) -> bytes:
    if data is None:
        raise RowError("base64_data is NULL")
    if not data and stored.source.skipped:
        raise RowError(f"base64_data has nothing behind the {stored.source.skipped:,} bytes that are skipped")
    return data.encode() if isinstance(data, str) else data
