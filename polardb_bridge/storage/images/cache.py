"""Decoded images of the last moments, so that several viewers of a task cost one read."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from polardb_bridge.table.images.decode import DecodedImage

MAX_BYTES = 64 * 1024 * 1024
# Viewers see no more of a deleted row after this.
MAX_AGE_S = 30.0


_Kept = TypeVar("_Kept")
# What something takes that is no image.
_OTHER_BYTES = 16 * 1024


class ImageCache(Generic[_Kept]):
    """Images, or what tells where one is. Least recently used ones go first; bounded by the bytes of the images.

    Safe to use from several threads.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._images: OrderedDict[Hashable, tuple[float, _Kept]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> _Kept | None:
        with self._lock:
            found = self._images.get(key)
            if found is None:
                return None
            if time.monotonic() - found[0] > self._max_age_s:
                self._drop(key)
                return None
            self._images.move_to_end(key)
            return found[1]

    def put(self, key: Hashable, image: _Kept) -> None:
        if _size(image) > self._max_bytes // 4:
            return
        with self._lock:
            if key in self._images:
                self._drop(key)
            self._images[key] = (time.monotonic(), image)
            self._bytes += _size(image)
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._images)))

    def _drop(self, key: Hashable) -> None:
        self._bytes -= _size(self._images.pop(key)[1])


def _size(kept: object) -> int:
    return len(kept.data) if isinstance(kept, DecodedImage) else _OTHER_BYTES
