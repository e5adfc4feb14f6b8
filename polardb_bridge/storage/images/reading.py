"""A picture out of its row: into memory, or into a file if it is large; a large medium of another kind in parts."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import BinaryIO

import sqlalchemy as sa

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.images.streaming import PART_TIME_LIMIT_S, Connect, MediumStream
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.primary import connect_to_primary
from polardb_bridge.table.budget import DISCARD
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.keys import Key
from polardb_bridge.table.large_media import large_medium
from polardb_bridge.table.media.kinds import IMAGES
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.pictures import Pictures
from polardb_bridge.table.reading_pictures import read_picture, read_pieces
from polardb_bridge.table.rows import StaleRowError
from polardb_bridge.table.stored_pictures import StoredPicture
from polardb_bridge.table.time_limit import TimeLimit, time_limit
from polardb_bridge.table.unpacking import UnpackedTooLargeError

# A server that is away is said so within 3 s.
TIMEOUT_S = 2
# What a person waits for an image: so long for its begin, and then no longer than at this rate.
FIRST_BYTE_TIME_LIMIT_S = 5.0
MIN_BYTES_PER_S = 2 * 1024 * 1024
# As stored, and unpacked. Larger images are read in pieces, one image at a time: each piece is in memory twice.
MAX_BYTES_IN_MEMORY = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024 * 1024
# Larger media of other kinds are read in parts.
MAX_WHOLE_BYTES = 1024 * 1024
_SENT_BYTES = 1024 * 1024

_turn = threading.BoundedSemaphore(1)


@dataclass(frozen=True)
class LargeImage:
    """An image in a temporary file, which goes when it is closed. digest: of its bytes."""

    file: BinaryIO
    size: int
    media_type: str
    digest: str

    def part(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`; the file is closed after them."""
        with self.file:
            self.file.seek(start)
            while start < stop and (data := self.file.read(min(_SENT_BYTES, stop - start))):
                start += len(data)
                yield data


Picture = DecodedImage | LargeImage | MediumStream


def read(
    storage: PolarDBImportStorage,
    pictures: Pictures,
    row_id: Key,
    since_version: int = 0,
    *,
    page: int | None = None,
    in_doubt: bool = False,
) -> Picture:
    """The present picture of a row; one that is older than `since_version` only if the primary has no newer one.

    pictures: of the storage (`shown_media.shown_pictures`). page: which of a list, from 0; None: the first, if
    all can be shown. in_doubt: the row can change and keep its version.

    Raises:
        RowError: there is no such row, or it holds nothing that can be shown.
        BridgeError: the table cannot be read.
    """
    reader = _Reader(storage, pictures, row_id, page, in_doubt)
    with time_limit(_allowed_s(MAX_BYTES_IN_MEMORY), 2 * PIECE_BYTES) as limit:
        try:
            return reader.read(limit, since_version)
        except StaleRowError:
            found = reader.read_at_primary()
            return reader.read(limit, 0) if found is None else found


@dataclass(frozen=True)
class _Reader:
    """What reads one picture."""

    storage: PolarDBImportStorage
    pictures: Pictures
    row_id: Key
    page: int | None
    in_doubt: bool

    @cached_property
    def parameters(self) -> ConnectionParameters:
        return self.storage.connection_parameters()

    def read(self, limit: TimeLimit, since_version: int) -> Picture:
        hasty = replace(self.parameters, timeout_s=TIMEOUT_S)
        try:
            with connect(hasty) as connection:
                found = self._small(connection, lambda: connect(self._for_parts), since_version)
        except RetryableError:
            # A server that lives may take longer for a large row.
            with connect(hasty) as connection:
                connection.exec_driver_sql("SELECT 1")
            with connect(self.parameters) as connection:
                found = self._small(connection, lambda: connect(self._for_parts), since_version)
        return self._large(limit) if found is None else found

    def read_at_primary(self) -> Picture | None:
        """Where the results of rows are written; None of a large image."""
        with self._connect_to_primary() as connection:
            return self._small(connection, self._connect_to_primary, 0)

    @contextmanager
    def _connect_to_primary(self) -> Iterator[sa.Connection]:
        with connect_to_primary(self.storage) as (connection, _):
            yield connection

    @property
    def _for_parts(self) -> ConnectionParameters:
        return replace(self.parameters, timeout_s=int(PART_TIME_LIMIT_S))

    def _small(self, connection: sa.Connection, open_again: Connect, since_version: int) -> Picture | None:
        """What is not too large to be in memory, or is read in parts; None of a large image.

        Raises:
            RowError: as `read`.
        """
        is_image = self.pictures.accepted == IMAGES
        found = read_picture(
            connection,
            self.pictures,
            self.row_id,
            MAX_BYTES_IN_MEMORY if is_image else MAX_WHOLE_BYTES,
            since_version=since_version,
            with_ends=not is_image,
        )
        if found.size > MAX_WHOLE_BYTES and not is_image:
            if found.source.is_plain:
                medium = large_medium(connection, self.pictures, self.row_id, found, in_doubt=self.in_doubt)
                if medium is not None:
                    return MediumStream(medium, open_again, self.parameters.server, self.storage.pk)
            found = read_picture(connection, self.pictures, self.row_id, MAX_BYTES_IN_MEMORY)
        return self._in_memory(found)

    def _in_memory(self, stored: StoredPicture) -> DecodedImage | None:
        """What is not too large for that.

        Raises:
            RowError: as `read`.
        """
        is_list = stored.source.kind.is_list
        if stored.size > MAX_BYTES_IN_MEMORY and not is_list:
            return None
        try:
            return self.pictures.decode(stored, self.page, max_bytes=MAX_BYTES_IN_MEMORY)
        except UnpackedTooLargeError:
            if is_list:
                raise
            return None

    def _large(self, limit: TimeLimit) -> DecodedImage | LargeImage:
        if not _turn.acquire(timeout=FIRST_BYTE_TIME_LIMIT_S):
            raise RetryableError("Other large images are being read. Try again soon.")
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
        try:
            # One transaction: all pieces are of the same image.
            with begin(self.parameters) as connection:
                found = read_picture(connection, self.pictures, self.row_id, MAX_BYTES_IN_MEMORY)
                if image := self._in_memory(found):
                    file.close()
                    return image
                pieces = read_pieces(connection, self.pictures.table, self.row_id, found.source, PIECE_BYTES)
                shown = self.pictures.write_pieces(found.source, _each_in_time(pieces, limit), file)
                connection.info[DISCARD] = True  # the client library keeps a buffer as large as the largest piece
            if isinstance(shown, DecodedImage):
                file.close()
                return shown
            return LargeImage(file, file.seek(0, 2), shown, _digest(file))
        except BaseException:
            file.close()
            raise
        finally:
            _turn.release()


def _allowed_s(size: int) -> float:
    """Seconds for so many bytes."""
    return FIRST_BYTE_TIME_LIMIT_S + size / MIN_BYTES_PER_S


def _each_in_time(pieces: Iterator[bytes], limit: TimeLimit) -> Iterator[bytes]:
    while True:
        limit.restart(_allowed_s(PIECE_BYTES))
        piece = next(pieces, None)
        if piece is None:
            return
        yield piece


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while data := file.read(_SENT_BYTES):
        digest.update(data)
    return digest.hexdigest()
