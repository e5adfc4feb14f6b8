"""The size of a WebP image, by its headers: opening one with a library already takes memory for all its pixels."""

from __future__ import annotations

from polardb_bridge.table.images.limits import Size
from polardb_bridge.table.images.problems import damaged, without_all_pixels


def webp_size(data: bytes) -> Size:
    """Width and height (https://developers.google.com/speed/webp/docs/riff_container, RFC 6386 and 9649).

    Raises:
        RowError: the file is truncated, or has none of the headers.
    """
    if len(data) < 30 or len(data) < 8 + int.from_bytes(data[4:8], "little"):
        raise without_all_pixels()
    kind, content = data[12:16], data[20:30]
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[4:7], "little"), 1 + int.from_bytes(content[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(content[6:8], "little") & 0x3FFF, int.from_bytes(content[8:10], "little") & 0x3FFF
    raise damaged("it has none of the headers of WebP")
