"""Large media out of their rows, part by part: a video of 500 MB is in memory nowhere but at its server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import RetryableError, RowError
from polardb_bridge.table.budget import DISCARD
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.media.kinds import START_BYTES, is_image, recognized
from polardb_bridge.table.media.parts import FileParts, Parts, ServerParts, parts_of_base64
from polardb_bridge.table.pictures import Pictures, named
from polardb_bridge.table.stored_pictures import StoredPicture, raw_bytes
from polardb_bridge.table.text import literal
from polardb_bridge.table.versions import as_version, version_column


class ChangedError(RetryableError):
    """The row is not any more what it was when its first part was read."""


@dataclass(frozen=True)
class LargeMedium:
    """A medium that is read in parts. size: in bytes. stored: what the row held when this was found out.

    checksum: of what the row holds, by the server, if its version alone does not tell that it has changed.
    """

    pictures: Pictures
    row_id: Key
    media_type: str
    size: int
    parts: Parts
    stored: StoredPicture
    checksum: int | None = None

    @property
    def etag(self) -> str:
        """What tells it from others of its row."""
        return f"{self.stored.version}-{self.size}-{self.checksum or 0:x}"


def large_medium(
    connection: sa.Connection, pictures: Pictures, row_id: Key, stored: StoredPicture, *, in_doubt: bool = False
) -> LargeMedium | None:
    """What a row holds that was too large to be read; None if it is to be looked at as an image.

    stored: as read with its ends, of a plain column. in_doubt: the row can change and keep its version.

    Raises:
        RowError: it is nothing that browsers show, or not of a kind that is accepted.
    """
    with named(stored.source):
        parts, start = _parts(stored)
        if is_image(start, pictures.accepted):
            return None
        media_type = recognized(start[:START_BYTES], pictures.accepted)
        found = LargeMedium(pictures, row_id, media_type, parts.size or 0, parts, stored)
        if in_doubt:
            found = replace(found, checksum=_ask(connection, found, _checksum(found)))
        return _by_server(connection, found) if parts.size is None else found


def read_part(connection: sa.Connection, medium: LargeMedium, start: int, stop: int) -> bytes:
    """The bytes from `start` to before `stop`.

    The server reads the whole column for each part. The client library keeps a buffer as large as the largest answer:
    the connection is closed behind this.

    Raises:
        ChangedError: the row holds something else by now, or is gone.
        IrregularError: the bytes are not where they were expected; `by_server` finds them.
    """
    connection.info[DISCARD] = True
    data = _ask(connection, medium, medium.parts.select(raw_bytes(medium.stored.source), start, stop))
    return medium.parts.decode(data or b"", start, stop)


def by_server(connection: sa.Connection, medium: LargeMedium) -> LargeMedium:
    """The same of a text whose lines are not all as long as the first ones.

    Raises:
        ChangedError: as `read_part`.
        RowError: it is no base64.
    """
    if isinstance(medium.parts, FileParts):
        raise ChangedError("The row has changed while it was read.")
    with named(medium.stored.source):
        return _by_server(connection, replace(medium, parts=ServerParts(medium.parts.head)))


def _by_server(connection: sa.Connection, medium: LargeMedium) -> LargeMedium:
    parts = ServerParts(medium.parts.head)
    size = _ask(connection, medium, sa.func.octet_length(parts.whole(raw_bytes(medium.stored.source))))
    if not size:
        raise RowError("base64_data is not base64, or larger than max_allowed_packet of the server")
    return replace(medium, parts=replace(parts, size=size), size=size)


def _parts(stored: StoredPicture) -> tuple[Parts, bytes]:
    skipped = stored.source.skipped
    if stored.source.kind is FieldKind.BYTES:
        return FileParts(stored.size, skipped), stored.start
    return parts_of_base64(stored.start, stored.end, stored.size, skipped)


def _checksum(medium: LargeMedium) -> sa.ColumnElement[int]:
    return sa.func.crc32(literal(medium.stored.source.column), type_=sa.BigInteger())


def _ask(connection: sa.Connection, medium: LargeMedium, wanted: sa.ColumnElement[Any]) -> Any:
    """A value of the row, if that is still the same."""
    pictures, table, stored = medium.pictures, medium.pictures.table, medium.stored
    checksum = sa.null() if medium.checksum is None else _checksum(medium)
    query = sa.select(pictures.size, pictures.number, version_column(table), checksum, wanted)
    row = connection.execute(query.where(key_of(table).is_(medium.row_id))).first()
    if row is None or (row[0], pictures.source(row[1]), as_version(row[2]), row[3]) != (
        stored.size,
        stored.source,
        stored.version,
        medium.checksum,
    ):
        raise ChangedError("The row has changed while it was read.")
    return row[4]
