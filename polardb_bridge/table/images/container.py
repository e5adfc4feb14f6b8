"""What the outside of an image file tells, without a decoder: the size of its pixels, and whether its end is there.

A decoder may take gigabytes for a file of a few bytes: that of WebP has room for the whole picture twice as soon as the
file is opened. https://developers.google.com/speed/webp/docs/riff_container, ISO/IEC 14496-12 (boxes of AVIF).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from polardb_bridge.table.images.limits import Size
from polardb_bridge.table.images.problems import DamagedError, without_all_pixels

# The parts of a WebP that say how large it is, or hold one of its pictures.
_WEBP_SIZES = (b"VP8X", b"VP8 ", b"VP8L")
# The outermost boxes that an AVIF can have, and those that it must have.
_AVIF_BOXES = {b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"mfra", b"sidx", b"free", b"skip", b"uuid"}
_AVIF_NEEDS = {b"meta", b"mdat"}


def container_size(data: bytes) -> Size:
    """Width and height of a WebP or AVIF file whose parts are all there.

    Raises:
        DamagedError: it is truncated or damaged.
    """
    return _size_of_webp(data) if data[:4] == b"RIFF" else _size_of_avif(data)


def _size_of_webp(data: bytes) -> Size:
    """Width and height of a WebP whose parts are all there.

    Raises:
        DamagedError: it is truncated or damaged.
    """
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise without_all_pixels()
    first: Size | None = None
    has_picture = False
    position = 12
    while position + 8 <= end:
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        part = data[position + 8 : position + 8 + min(size, 16)]
        if position + 8 + size > end:
            raise without_all_pixels()
        if kind in _WEBP_SIZES and len(part) >= 10 - 5 * (kind == b"VP8L"):
            size_here = _webp_size(kind, part)
            first = max(first or size_here, size_here, key=lambda pixels: pixels[0] * pixels[1])
        has_picture |= kind in (b"VP8 ", b"VP8L", b"ANMF")
        position += 8 + size + size % 2
    if first is None or not has_picture:
        raise DamagedError("it has no picture")
    return first


def _webp_size(kind: bytes, part: bytes) -> Size:
    if kind == b"VP8X":
        return 1 + int.from_bytes(part[4:7], "little"), 1 + int.from_bytes(part[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(part[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", part[6:10])
    return width & 0x3FFF, height & 0x3FFF


def _size_of_avif(data: bytes) -> Size:
    """Width and height of an AVIF whose boxes are all there.

    Raises:
        DamagedError: it is truncated or damaged.
    """
    kinds: set[bytes] = set()
    for kind, start, stop in _boxes(data):
        if kinds >= _AVIF_NEEDS and kind not in _AVIF_BOXES:
            break  # no box: what stands behind the file
        kinds.add(kind)
        if stop > len(data) or stop <= start:
            raise without_all_pixels()
    if not kinds >= _AVIF_NEEDS:
        raise without_all_pixels()
    # All sizes that it speaks of, those of its thumbnail and of its transparency too.
    sizes = [
        (width, height)
        for start in _found(data, b"ispe")
        for width, height in [struct.unpack(">II", data[start + 8 : start + 16])]
    ]
    if not sizes:
        raise DamagedError("it has no size")
    return max(sizes, key=lambda size: size[0] * size[1])


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The outermost boxes: kind, and where each starts and stops; the last may stop behind the data."""
    position = 0
    while position + 8 <= len(data):
        size, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        stop = len(data) if size == 0 else position + size
        yield kind, position, stop
        if stop <= position:
            return
        position = stop


def _found(data: bytes, kind: bytes) -> Iterator[int]:
    """Where the word stands, in the part of the file that can describe pictures."""
    limit = min(len(data), 64 * 1024)
    position = data.find(kind, 0, limit)
    while position >= 0 and position + 16 <= len(data):
        yield position
        position = data.find(kind, position + 1, limit)
