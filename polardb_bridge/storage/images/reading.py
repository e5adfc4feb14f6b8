"""An image out of its row: into memory, or into a file if it is large."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import sqlalchemy as sa

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.primary import connect_to_primary
from polardb_bridge.table.budget import DISCARD
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.keys import Key
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.pictures import decode_image, read_image, read_image_pieces, write_pieces
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


def read(
    storage: PolarDBImportStorage, row_id: Key, since_version: int = 0, page: int | None = None
) -> DecodedImage | LargeImage:
    """The present image of a row; one that is older than `since_version` only if the primary has no newer one.

    page: which of a list, from 0; None: the first, if all can be shown.

    Raises:
        RowError: there is no such row, or it holds no image.
        BridgeError: the table cannot be read.
    """
    with time_limit(_allowed_s(MAX_BYTES_IN_MEMORY), 2 * PIECE_BYTES) as limit:
        try:
            return _read(storage, row_id, page, limit, since_version)
        except StaleRowError:
            with connect_to_primary(storage) as (connection, table):
                stored = read_image(connection, table, row_id, MAX_BYTES_IN_MEMORY)
            if image := _in_memory(stored, page):
                return image
        return _read(storage, row_id, page, limit)


def _read(
    storage: PolarDBImportStorage, row_id: Key, page: int | None, limit: TimeLimit, since_version: int = 0
) -> DecodedImage | LargeImage:
    parameters, table = storage.connection_parameters(), storage.source_table
    hasty = replace(parameters, timeout_s=TIMEOUT_S)
    try:
        with connect(hasty) as connection:
            stored = read_image(connection, table, row_id, MAX_BYTES_IN_MEMORY, since_version=since_version)
        if image := _in_memory(stored, page):
            return image
    except RetryableError:
        # A server that lives may take longer for a large row.
        with connect(hasty) as connection:
            connection.exec_driver_sql("SELECT 1")
    return _read_large(parameters, table, row_id, page, limit)


def _in_memory(stored: StoredPicture, page: int | None) -> DecodedImage | None:
    """The image, if it is not too large for that.

    Raises:
        RowError: it cannot be shown.
    """
    if stored.size > MAX_BYTES_IN_MEMORY and not stored.source.kind.is_list:
        return None
    try:
        return decode_image(stored, page, max_bytes=MAX_BYTES_IN_MEMORY)
    except UnpackedTooLargeError:
        if stored.source.kind.is_list:
            raise
        return None


def _allowed_s(size: int) -> float:
    """Seconds for so many bytes."""
    return FIRST_BYTE_TIME_LIMIT_S + size / MIN_BYTES_PER_S


def _read_large(
    parameters: ConnectionParameters, table: sa.Table, row_id: Key, page: int | None, limit: TimeLimit
) -> DecodedImage | LargeImage:
    if not _turn.acquire(timeout=FIRST_BYTE_TIME_LIMIT_S):
        raise RetryableError("Other large images are being read. Try again soon.")
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
    try:
        # One transaction: all pieces are of the same image.
        with begin(parameters) as connection:
            stored = read_image(connection, table, row_id, MAX_BYTES_IN_MEMORY)
            if image := _in_memory(stored, page):
                file.close()
                return image
            pieces = read_image_pieces(connection, table, row_id, stored.source, PIECE_BYTES)
            shown = write_pieces(stored.source, _each_in_time(pieces, limit), file)
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
