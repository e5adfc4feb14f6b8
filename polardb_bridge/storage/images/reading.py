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
from polardb_bridge.table.connection import connect, engine_for
from polardb_bridge.table.driver_errors import translated_errors
from polardb_bridge.table.images.base64_text import decode_pieces
from polardb_bridge.table.images.decode import DecodedImage, decode_image, shown_file
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.rows import StaleRowError, read_image, read_image_pieces

# A server that is away is said so within 3 s.
TIMEOUT_S = 2
# Of base64. Larger images are read in pieces, one image at a time: each piece is in memory twice.
MAX_BYTES_IN_MEMORY = 16 * 1024 * 1024
PIECE_BYTES = 64 * 1024 * 1024
_WAIT_FOR_TURN_S = 60.0
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


def read(storage: PolarDBImportStorage, row_id: int, since_version: int = 0) -> DecodedImage | LargeImage:
    """The present image of a row; one that is older than `since_version` only if the primary has no newer one.

    Raises:
        RowError: there is no such row, or it holds no image.
        BridgeError: the table cannot be read.
    """
    try:
        return _read(storage, row_id, since_version)
    except StaleRowError:
        with connect_to_primary(storage) as (connection, table):
            text, size = read_image(connection, table, row_id, MAX_BYTES_IN_MEMORY)
        if size <= MAX_BYTES_IN_MEMORY:
            return decode_image(text)
    return _read(storage, row_id)


def _read(storage: PolarDBImportStorage, row_id: int, since_version: int = 0) -> DecodedImage | LargeImage:
    parameters = storage.connection_parameters()
    hasty = replace(parameters, timeout_s=TIMEOUT_S)
    try:
        with connect(hasty) as connection:
            text, size = read_image(
                connection, storage.source_table, row_id, MAX_BYTES_IN_MEMORY, since_version=since_version
            )
        if size <= MAX_BYTES_IN_MEMORY:
            return decode_image(text)
    except RetryableError:
        # A server that lives may take longer for a large row.
        with connect(hasty) as connection:
            connection.exec_driver_sql("SELECT 1")
    return _read_large(parameters, storage.source_table, row_id)


def _read_large(parameters: ConnectionParameters, table: sa.Table, row_id: int) -> DecodedImage | LargeImage:
    if not _turn.acquire(timeout=_WAIT_FOR_TURN_S):
        raise RetryableError("Other large images are being read. Try again soon.")
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
    try:
        # One transaction: all pieces are of the same image.
        with translated_errors(parameters), engine_for(parameters).begin() as connection:
            text, size = read_image(connection, table, row_id, MAX_BYTES_IN_MEMORY)
            if size <= MAX_BYTES_IN_MEMORY:
                file.close()
                return decode_image(text)
            decode_pieces(read_image_pieces(connection, table, row_id, PIECE_BYTES), file)
            connection.detach()  # closed at the end: the client library keeps a buffer as large as the largest piece
        shown = shown_file(file)
        if isinstance(shown, DecodedImage):
            file.close()
            return shown
        return LargeImage(file, file.seek(0, 2), shown, _digest(file))
    except BaseException:
        file.close()
        raise
    finally:
        _turn.release()


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while data := file.read(_SENT_BYTES):
        digest.update(data)
    return digest.hexdigest()
