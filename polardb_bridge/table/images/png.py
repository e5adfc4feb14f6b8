"""Whether a PNG file is whole: its critical chunks with their checksums, and all its pixels.

What browsers ignore (wrong checksums and any size of texts, profiles and other ancillary chunks, a missing end) is
no damage (https://www.w3.org/TR/png-3/, 13.2).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from polardb_bridge.table.images.limits import Data, Size, check_size
from polardb_bridge.table.images.problems import DamagedError, not_shown, without_all_pixels

# Bits a sample that each colour type may have.
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ANCILLARY = 0x20  # the bit that makes the first letter of a chunk's kind a small one
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
# Of each pass of an interlaced image: first column and row, and the steps to the next.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_INFLATED_AT_ONCE = 1 << 20


def check_png(data: Data) -> None:
    """Check that `data` is a PNG image with all of its pixels.

    Raises:
        DamagedError: it is damaged or truncated.
        RowError: it is too large, or of a kind that browsers do not show.
    """
    header = b""
    pixels: list[tuple[int, int]] = []  # where they are
    for kind, start, stop, is_right in _chunks(data):
        _check_kind(kind, is_first=not header)
        if kind == b"IEND":
            break
        if not kind[0] & _ANCILLARY and not is_right:
            raise DamagedError(f"its chunk {_name(kind)} is not what its checksum says")
        if kind == b"IHDR":
            header = data[start:stop]
            _check_header(header)
        elif kind == b"IDAT":
            pixels.append((start, stop))
    else:
        if header and not _holds((data[start:stop] for start, stop in pixels), _bytes_of_pixels(header)):
            raise without_all_pixels()
    if not header or not pixels:
        raise DamagedError("it ends before its pixels")


def _chunks(data: Data) -> Iterator[tuple[bytes, int, int, bool]]:
    """Kind of each chunk, where its content is, and whether its checksum is right, as far as it is there."""
    start = 16
    while start < len(data):
        stop = start + int.from_bytes(data[start - 8 : start - 4], "big")
        kind = data[start - 4 : start]
        found = zlib.crc32(data[start:stop], zlib.crc32(kind))
        yield kind, start, stop, stop + 4 > len(data) or found == int.from_bytes(data[stop : stop + 4], "big")
        start = stop + 12


def _check_kind(kind: bytes, *, is_first: bool) -> None:
    if kind == b"CgBI":
        raise not_shown("PNG images that were changed for iPhones (CgBI)", "store the original")
    if is_first and kind != b"IHDR":
        raise DamagedError("its first chunk is not its header")
    if not kind[0] & _ANCILLARY and kind not in _CRITICAL:
        raise DamagedError(f"it has an unknown chunk {_name(kind)}")


def _name(kind: bytes) -> str:
    return repr(kind.decode("latin-1"))


def _check_header(header: bytes) -> None:
    if len(header) != 13:
        raise DamagedError("a header is too short")
    check_size(_size(header))
    depth, colour, compression, filtering, interlacing = header[8:13]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlacing > 1:
        raise DamagedError("its header has values that no PNG image has")


def _size(header: bytes) -> Size:
    return int.from_bytes(header[0:4], "big"), int.from_bytes(header[4:8], "big")


def _bytes_of_pixels(header: bytes) -> int:
    """How many bytes the pixels take when they are inflated: a line has one byte for its filter."""
    width, height = _size(header)
    bits = header[8] * _SAMPLES[header[9]]
    passes = _PASSES if header[12] else ((0, 0, 1, 1),)
    total = 0
    for column, row, right, down in passes:
        columns, rows = -(-(width - column) // right), -(-(height - row) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _holds(pixels: Iterable[bytes], wanted: int) -> bool:
    """Whether the compressed data inflate to that many bytes; nothing is kept."""
    inflating = zlib.decompressobj()
    found = 0
    try:
        for part in pixels:
            while part and found < wanted:
                found += len(inflating.decompress(part, _INFLATED_AT_ONCE))
                part = inflating.unconsumed_tail
    except zlib.error:
        return False
    return found >= wanted
