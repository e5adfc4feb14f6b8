"""Decoded images of the last moments, so that several viewers of a task cost one read."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from polardb_bridge.storage.links import ImageLink
from polardb_bridge.table.images.decode import DecodedImage

MAX_BYTES = 64 * 1024 * 1024
# Viewers see no more of a deleted row after this.
MAX_AGE_S = 30.0


class ImageCache:
    """Least recently used images go first; bounded by the bytes of the images. Safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S) -> None:
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._images: OrderedDict[ImageLink, tuple[float, DecodedImage]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, link: ImageLink) -> DecodedImage | None:
        with self._lock:
            found = self._images.get(link)
            if found is None:
                return None
            if time.monotonic() - found[0] > self._max_age_s:
                self._drop(link)
                return None
            self._images.move_to_end(link)
            return found[1]

    def put(self, link: ImageLink, image: DecodedImage) -> None:
        if len(image.data) > self._max_bytes // 4:
            return
        with self._lock:
            if link in self._images:
                self._drop(link)
            self._images[link] = (time.monotonic(), image)
            self._bytes += len(image.data)
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._images)))

    def _drop(self, link: ImageLink) -> None:
        self._bytes -= len(self._images.pop(link)[1].data)
