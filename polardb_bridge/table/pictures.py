"""The pictures of rows, and other media, one at a time, as the table's mapping says that they are stored."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import RowError
from polardb_bridge.table.fields import Field
from polardb_bridge.table.images import base64_text, decode
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.lists import MAX_LIST_BYTES, check_list_size, items_of
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.media.kinds import IMAGES, START_BYTES, Medium, is_image, medium_of, recognized
from polardb_bridge.table.stored_pictures import PictureColumns, StoredPicture
from polardb_bridge.table.unpacking import MAX_UNPACKED_BYTES, unpack, unpack_pieces

# The editor takes these by an address only.
_BY_ADDRESS = (Medium.AUDIO, Medium.TEXT, Medium.PDF)


@dataclass(frozen=True)
class Pictures(PictureColumns):
    """What one field of tasks shows of the rows of a table. accepted: what that may be.

    is_heard: whether it is played as a sound, a video's too.
    """

    accepted: frozenset[Medium] = IMAGES
    is_heard: bool = False

    def decode(
        self, stored: StoredPicture, page: int | None = None, *, max_bytes: int = MAX_UNPACKED_BYTES
    ) -> DecodedImage:
        """What the row holds as browsers show it.

        page: of a list, from 0; None: the first, if all can be shown. max_bytes: of what is packed.

        Raises:
            RowError: there is nothing, or it cannot be shown (`images.decode`, `media.kinds`).
            UnpackedTooLargeError: it is packed, and larger.
        """
        with named(stored.source):
            if stored.source.kind.is_list:
                return self._decode_item(stored, page)
            data = _unpacked(stored, max_bytes)
            if stored.source.kind is FieldKind.BYTES:
                return self._shown(_filled(stored, data))
            return self._decode_text(data)

    def data_uri(self, stored: StoredPicture) -> str | None:
        """The same as a `data:` URI in base64; None of what the editor takes by an address only. Not of a list.

        Raises:
            RowError: as `decode`.
        """
        if stored.source.kind is FieldKind.BYTES:
            return self._data_uri(self.decode(stored))
        with named(stored.source):
            return self._data_uri_of(_unpacked(stored))

    def data_uris(self, stored: StoredPicture) -> list[str | None]:
        """Those of a list.

        Raises:
            RowError: as `decode`, of the first that cannot be shown.
        """
        uris = []
        with named(stored.source):
            for number, item in enumerate(_filled_list(stored), start=1):
                with _item(stored.source, number):
                    uris.append(self._data_uri_of(item))
        return uris

    def write_pieces(self, source: Field, pieces: Iterable[bytes], file: BinaryIO) -> DecodedImage | str:
        """What is large, and comes in pieces, into a file: its media type, or the image if it had to be converted.

        Raises:
            RowError: as `decode`.
        """
        with named(source):
            unpacked = unpack_pieces(source, pieces)
            if source.kind is FieldKind.BYTES:
                file.writelines(unpacked)
            else:
                base64_text.decode_pieces(unpacked, file)
            file.seek(0)
            start = file.read(START_BYTES)
            if is_image(start, self.accepted):
                return decode.shown_file(file)
            return recognized(start, self.accepted)

    def _decode_item(self, stored: StoredPicture, page: int | None) -> DecodedImage:
        items = _filled_list(stored)
        if page is not None and page >= len(items):
            raise RowError(f"{stored.source.column} has {len(items)} items, and none of number {page + 1}")
        for number, item in enumerate(items if page is None else [], start=1):
            with _item(stored.source, number):
                self._decode_text(item)
        with _item(stored.source, (page or 0) + 1):
            return self._decode_text(items[page or 0])

    def _decode_text(self, text: str | bytes | None) -> DecodedImage:
        return decode.first_that_works(text, lambda plain: self._shown(binascii.a2b_base64(plain)))

    def _data_uri_of(self, text: str | bytes | None) -> str | None:
        return decode.data_uri(text) if self.accepted == IMAGES else self._data_uri(self._decode_text(text))

    def _data_uri(self, shown: DecodedImage) -> str | None:
        if self.is_heard or medium_of(shown.media_type) in _BY_ADDRESS:
            return None
        return f"data:{shown.media_type};base64,{base64.b64encode(shown.data).decode('ascii')}"

    def _shown(self, data: bytes) -> DecodedImage:
        if is_image(data, self.accepted):
            return decode.shown_image(data)
        return DecodedImage(data, recognized(data[:START_BYTES], self.accepted))


def pictures_of(table: sa.Table) -> Pictures:
    """The images of a table that has some; the first of them, if there are several."""
    field = mapping_of(table).picture_field
    assert field is not None  # noqa: S101  # callers have asked
    return Pictures(table, field)


def picture_items(stored: StoredPicture) -> list[str]:
    """The texts of a list of pictures, or none; nobody has looked whether they are pictures.

    Raises:
        RowError: it is no list of texts.
    """
    check_list_size(stored.source.column, stored.size)
    data = _unpacked(stored, MAX_LIST_BYTES)
    return items_of(stored.source.column, data.encode() if isinstance(data, str) else data or b"")


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
