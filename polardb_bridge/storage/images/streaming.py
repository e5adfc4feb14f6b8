"""Large media to their viewers, slice by slice: each is read with a connection of its own, which is not kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import lru_cache

import sqlalchemy as sa

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.table.images.decode import DecodedImage
from polardb_bridge.table.large_media import ChangedError, LargeMedium, by_server, read_part
from polardb_bridge.table.media.parts import IrregularError
from polardb_bridge.table.time_limit import time_limit

# Of the file; three bytes are four characters of base64. The server reads the whole column for each slice.
SLICE_BYTES = 3 * 512 * 1024
# For one slice, and the bytes that may come for it.
PART_TIME_LIMIT_S = 10.0
_MAX_ARRIVING_BYTES = 4 * SLICE_BYTES
# Slices that are read at once from one server, by one process: each has the server take room for a whole file.
_READ_AT_ONCE = 2
_TURN_TIMEOUT_S = 8.0
_KEPT_BYTES = 16 * 1024 * 1024

# Viewers of one video look at the same slices.
_slices: ImageCache[DecodedImage] = ImageCache(_KEPT_BYTES)
Connect = Callable[[], AbstractContextManager[sa.Connection]]


@lru_cache(maxsize=1024)
def _turns(server: str) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(_READ_AT_ONCE)


class MediumStream:
    """A large medium of a storage's row, for one viewer. connect: to where the row is; server: which that is."""

    def __init__(self, medium: LargeMedium, connect: Connect, server: str, storage_id: int) -> None:
        self.medium = medium
        self._connect = connect
        self._server = server
        self._storage_id = storage_id
        self._read: tuple[int, bytes] | None = None

    def for_another(self) -> MediumStream:
        """The same for another viewer; nothing is asked again of the row but whether it is the same."""
        return MediumStream(self.medium, self._connect, self._server, self._storage_id)

    @property
    def size(self) -> int:
        return self.medium.size

    @property
    def media_type(self) -> str:
        return self.medium.media_type

    def prepare(self, start: int) -> None:
        """Read the slice of the byte at `start`, before the first header is sent. The size may change with it.

        Raises:
            BridgeError: it cannot be read.
        """
        try:
            self._slice(start // SLICE_BYTES)
        except IrregularError:
            with time_limit(PART_TIME_LIMIT_S, _MAX_ARRIVING_BYTES), self._connect() as connection:
                self.medium = by_server(connection, self.medium)
            self._slice(min(start, self.size - 1) // SLICE_BYTES)

    @staticmethod
    def end_of_part(start: int, stop: int) -> int:
        """Where a part of a request for the bytes up to before `stop` ends: viewers ask for the next one."""
        return min(stop, (start // SLICE_BYTES + 1) * SLICE_BYTES)

    def part(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`.

        Raises:
            RetryableError: what is missing cannot be read now, or the row has changed meanwhile.
        """
        while start < stop:
            index = start // SLICE_BYTES
            try:
                data = self._slice(index)
            except IrregularError:
                raise ChangedError("The lines of the base64 are not all as long as the first ones.") from None
            offset = start - index * SLICE_BYTES
            piece = data[offset : offset + stop - start]
            yield piece
            start += len(piece)

    def _slice(self, index: int) -> bytes:
        if self._read is not None and self._read[0] == index:
            return self._read[1]
        medium = self.medium
        key = (self._storage_id, medium.row_id, medium.pictures.field, medium.etag, index)
        found = _slices.get(key)
        if found is None:
            turn = _turns(self._server)
            if not turn.acquire(timeout=_TURN_TIMEOUT_S):
                raise RetryableError("Other large images are being read. Try again soon.")
            try:
                found = _slices.get(key)  # what another viewer of it has just waited for
                if found is None:
                    found = self._read_slice(index)
                    _slices.put(key, found)
            finally:
                turn.release()
        self._read = index, found.data
        return found.data

    def _read_slice(self, index: int) -> DecodedImage:
        start, stop = index * SLICE_BYTES, min((index + 1) * SLICE_BYTES, self.size)
        with time_limit(PART_TIME_LIMIT_S, _MAX_ARRIVING_BYTES), self._connect() as connection:
            return DecodedImage(read_part(connection, self.medium, start, stop), self.media_type)
