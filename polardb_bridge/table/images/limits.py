"""How large an image may be. Sizes come from headers, before anything is decoded: a few bytes can claim gigabytes."""

from __future__ import annotations

import mmap

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.problems import DamagedError

Size = tuple[int, int]
# The bytes of a file, in memory or where they are on the disk.
Data = bytes | mmap.mmap

# Pillow's own limit for what it opens; the largest photos and scans that people label are below it.
MAX_PIXELS = 178_956_970
# For what is decoded to see whether it is whole, or to be made small: up to eight bytes a pixel meanwhile.
MAX_DECODED_PIXELS = 15_000_000
# For what is converted: a page of A4 in 600 dpi.
MAX_CONVERTED_PIXELS = 36_000_000


def check_size(size: Size, limit: int = MAX_PIXELS) -> None:
    """Whether an image of this width and height has pixels, and not too many.

    Raises:
        DamagedError: it has none.
        RowError: it has too many.
    """
    width, height = size
    if width < 1 or height < 1:
        raise DamagedError(f"its size is {width} x {height} pixels")
    if width * height > limit:
        raise too_many_pixels(size, limit)


def too_many_pixels(size: Size | None, limit: int) -> RowError:
    """size: None if it is not known."""
    found = f"{size[0]:,} x {size[1]:,}" if size else f"more than {limit:,}"
    return RowError(f"the image has too many pixels: {found}, and the limit is {limit:,}; make it smaller")
