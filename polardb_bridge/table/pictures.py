"""The pictures of rows, one at a time, as the table's mapping says that they are stored."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import RowError
from polardb_bridge.table.images import base64_text, decode
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.rows import StaleRowError
from polardb_bridge.table.versions import as_version, version_column


def read_image(
    connection: sa.Connection, table: sa.Table, row_id: Key, max_bytes: int, *, since_version: int = 0
) -> tuple[str | bytes | None, int]:
    """The stored text of one row's image, unless it has more than `max_bytes`, and how many it has.

    Raises:
        RowError: there is no such row, or it holds no text.
        StaleRowError: there is none, or an older one, although there was one of `since_version`.
    """
    size = sa.func.octet_length(table.c.base64_data)
    text = sa.case((size <= max_bytes, table.c.base64_data))
    query = sa.select(text, size, version_column(table)).where(key_of(table).is_(row_id))
    try:
        row = connection.execute(query).first()
    except UnicodeDecodeError as error:
        with named(table):
            raise RowError(f"base64_data is not base64: byte {error.start + 1} is no character") from None
    if row is None and since_version:
        raise StaleRowError("the row is missing")
    if row is None:
        raise RowError("the row is missing")
    data: str | bytes | None = row[0]
    if as_version(row[2]) < since_version:
        raise StaleRowError("the row is older than the one that was read before")
    return data, row[1] or 0


def rows_with_image(connection: sa.Connection, table: sa.Table, keys: Sequence[Key]) -> set[Key]:
    """Those of these rows whose image is neither NULL nor empty, whatever it is."""
    key = key_of(table)
    query = sa.select(*key.columns).where(key.among(keys), sa.func.octet_length(table.c.base64_data) > 0)
    found = [key.read(row) for row in connection.execute(query)]
    return {*found, *key.as_asked(connection, keys, found).values()}


def read_image_pieces(connection: sa.Connection, table: sa.Table, row_id: Key, piece_bytes: int) -> Iterator[bytes]:
    """The stored text of one row's image in pieces; use a transaction, or they may be of two images.

    The server reads the whole of it for each piece.
    """
    first = 1
    while True:
        piece = sa.func.substr(sa.cast(table.c.base64_data, sa.LargeBinary()), first, piece_bytes)
        data: bytes | None = connection.scalar(sa.select(piece).where(key_of(table).is_(row_id)))
        if not data:
            return
        yield data
        first += len(data)


def decode_image(table: sa.Table, stored: str | bytes | None) -> DecodedImage:
    """The picture as browsers show it.

    Raises:
        RowError: there is none, or it cannot be shown (`images.decode.decode_image`).
    """
    with named(table):
        if _is_bytes(table):
            return decode.shown_image(_filled(stored))
        return decode.decode_image(stored)


def data_uri(table: sa.Table, stored: str | bytes | None) -> str:
    """The same as a `data:` URI in base64.

    Raises:
        RowError: as `decode_image`.
    """
    with named(table):
        if _is_bytes(table):
            shown = decode.shown_image(_filled(stored))
            return f"data:{shown.media_type};base64,{base64.b64encode(shown.data).decode('ascii')}"
        return decode.data_uri(stored)


def write_pieces(table: sa.Table, pieces: Iterable[bytes], file: BinaryIO) -> DecodedImage | str:
    """A large picture, which comes in pieces, into a file: its media type, or the picture if it had to be converted.

    Raises:
        RowError: as `decode_image`.
    """
    with named(table):
        if _is_bytes(table):
            file.writelines(pieces)
        else:
            base64_text.decode_pieces(pieces, file)
        return decode.shown_file(file)


@contextmanager
def named(table: sa.Table) -> Iterator[None]:
    """Name the column of this table in errors of rows."""
    try:
        yield
    except RowError as error:
        raise type(error)(mapping_of(table).named(str(error))) from None


def _is_bytes(table: sa.Table) -> bool:
    picture = mapping_of(table).picture
    return picture is not None and picture.kind is FieldKind.BYTES


def _filled(stored: str | bytes | None) -> bytes:
    if stored is None:
        raise RowError("base64_data is NULL")
    return stored.encode() if isinstance(stored, str) else stored
