"""Whether an ICO file is whole: one picture or several in different sizes, of which browsers show one."""

from __future__ import annotations

import struct

from polardb_bridge.table.images.problems import DamagedError, without_all_pixels

_DIRECTORY = 6
_ENTRY = 16


def check_ico(data: bytes) -> None:
    """Check that all pictures that the directory of an icon names are there.

    Raises:
        DamagedError: it is damaged or truncated.
    """
    try:
        (count,) = struct.unpack_from("<H", data, 4)
        entries = [struct.unpack_from("<II", data, _DIRECTORY + _ENTRY * number + 8) for number in range(count)]
    except struct.error:
        raise DamagedError("it ends before its pixels") from None
    if not entries or any(size < 40 or offset + size > len(data) for size, offset in entries):
        raise without_all_pixels()
