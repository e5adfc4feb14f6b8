"""Readers who are slow on purpose: each holds a thread of the server for as long as it reads.

gunicorn waits for a reader for ever. A few may be slow at once, as on a bad line; those who read nothing are cut off,
and so are the slow ones beyond a few. Players ask again for what they have not got.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from polardb_bridge.errors import RetryableError

# What is sent at once, and how long it may take; a reader who takes none of it in that time is gone. Beside others who
# are being waited for, it may take less: they would hold all threads together until then.
PIECE_BYTES = 64 * 1024
PIECE_TIME_LIMIT_S = 5.0
_HASTY_TIME_LIMIT_S = 2.0
# After so many seconds of sending, whoever has taken less than this is slow.
_GRACE_S = 1.0
_SLOW_BYTES_PER_S = 64 * 1024
# Of a server's eight threads (polardb-bridge start).
MAX_SLOW = 4


class _Reader:
    """sent: bytes. waited: seconds in which they were taken. since: when what is being sent now was begun, if it is."""

    def __init__(self) -> None:
        self.sent = 0
        self.waited = 0.0
        self.since: float | None = None

    @property
    def is_slow(self) -> bool:
        now = time.monotonic() - self.since if self.since is not None else 0.0
        waited = self.waited + now
        # What fills the buffers of both systems, some MB, counts as sent: who has stopped reading shows by the piece.
        return now > _GRACE_S or (waited > _GRACE_S and self.sent < waited * _SLOW_BYTES_PER_S)


_readers: set[_Reader] = set()
_lock = threading.Lock()


def _slow() -> int:
    with _lock:
        return sum(reader.is_slow for reader in _readers)


def _patience() -> float:
    """Seconds that the next piece of a reader may take."""
    with _lock:
        waiting = sum(reader.since is not None for reader in _readers)
    return _HASTY_TIME_LIMIT_S if waiting >= MAX_SLOW else PIECE_TIME_LIMIT_S


def check_room() -> None:
    """Raise RetryableError while as many readers are slow as may be."""
    if _slow() >= MAX_SLOW:
        raise RetryableError("Many viewers read slowly now. Try again soon.")


def paced(parts: Iterator[bytes], socket: Any) -> Iterator[bytes]:
    """The parts in pieces, each of which the reader takes in time. socket: the reader's, if the server gives it.

    Raises:
        RetryableError: the reader is slow, and others are, too.
    """
    reader = _Reader()
    with _lock:
        _readers.add(reader)
    try:
        for part in parts:
            for start in range(0, len(part), PIECE_BYTES):
                piece = part[start : start + PIECE_BYTES]
                if socket is not None:
                    socket.settimeout(_patience())  # gunicorn sets it anew for each request
                reader.since = time.monotonic()
                yield piece
                reader.waited += time.monotonic() - reader.since
                reader.since = None
                reader.sent += len(piece)
                if reader.is_slow and _slow() > MAX_SLOW:
                    raise RetryableError("Many viewers read slowly now. Try again soon.")
    finally:
        with _lock:
            _readers.discard(reader)
