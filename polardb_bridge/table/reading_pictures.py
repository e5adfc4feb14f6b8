"""The picture, or other medium, of one row at a time: whole, in pieces, or how it begins and ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table.fields import Field
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.media.kinds import START_BYTES
from polardb_bridge.table.pictures import named
from polardb_bridge.table.rows import StaleRowError
from polardb_bridge.table.stored_pictures import PictureColumns, StoredPicture, columns_of_pictures, picture_piece
from polardb_bridge.table.versions import as_version, version_column

# Of a large one, what is read to know what it is: as many bytes as tell, also in base64 and in lines; and of its end.
_START_LENGTH = 2 * START_BYTES
_END_LENGTH = 256


def read_picture(
    connection: sa.Connection,
    pictures: PictureColumns,
    row_id: Key,
    max_bytes: int,
    *,
    since_version: int = 0,
    with_ends: bool = False,
) -> StoredPicture:
    """What one row holds, unless that has more than `max_bytes`; with_ends: then at least how it begins and ends.

    Raises:
        RowError: there is no such row, there are several, or it holds no text.
        StaleRowError: there is none, or an older one, although there was one of `since_version`; or another one, if
            versions have no order.
    """
    table, size = pictures.table, pictures.size
    selected = [pictures.number, size, version_column(table), sa.case((size <= max_bytes, pictures.content))]
    if with_ends:
        ends = (pictures.start(_START_LENGTH), pictures.end(_END_LENGTH))
        selected += [sa.case((size > max_bytes, part)) for part in ends]
    query = sa.select(*selected).where(key_of(table).is_(row_id)).limit(2)
    try:
        found = connection.execute(query).all()
    except UnicodeDecodeError as error:
        with named(pictures.source(None)):
            raise RowError(f"base64_data is not base64: byte {error.start + 1} is no character") from None
    if not found and since_version:
        raise StaleRowError("the row is missing")
    if not found:
        raise RowError("the row is missing")
    if len(found) > 1:
        raise RowError("several rows have this key")
    number, bytes_stored, time, data, *parts = found[0]
    is_ordered, version = mapping_of(table).version_kind.is_ordered, as_version(time)
    if since_version and (version < since_version if is_ordered else version != since_version):
        raise StaleRowError("the row is older than the one that was read before")
    return StoredPicture(pictures.source(number), data, bytes_stored or 0, version, *(part or b"" for part in parts))


def find_pictures(connection: sa.Connection, table: sa.Table, keys: Sequence[Key]) -> dict[Key, dict[str, Field]]:
    """By key, those of these rows that have a picture, whatever it is: the column that it is in, by field."""
    key, fields = key_of(table), columns_of_pictures(table)
    numbers = [sa.case((each.size > 0, sa.func.coalesce(each.number, 0))) for each in fields]
    query = sa.select(*key.columns, *numbers).where(key.among(keys), sa.or_(*(each.size > 0 for each in fields)))
    found = {
        key.read(row[: key.width]): {
            each.field: each.source(number)
            for each, number in zip(fields, row[key.width :], strict=True)
            if number is not None
        }
        for row in connection.execute(query)
    }
    return found | {asked: found[there] for there, asked in key.as_asked(connection, keys, list(found)).items()}


def read_pieces(
    connection: sa.Connection, table: sa.Table, row_id: Key, source: Field, piece_bytes: int
) -> Iterator[bytes]:
    """What one column of a row holds, as stored, in pieces; use a transaction, or they may be of two pictures.

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
