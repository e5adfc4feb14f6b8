"""Whether a BMP file is whole.

The layouts of Windows 2 to 5 and of OS/2 are told by the size of the second header
(https://learn.microsoft.com/windows/win32/gdi/bitmap-header-types).
"""

from __future__ import annotations

import io
import struct

from PIL import Image

from polardb_bridge.table.images.limits import MAX_DECODED_PIXELS, Data, check_size
from polardb_bridge.table.images.problems import DamagedError, not_shown, without_all_pixels

_FILE_HEADER = 14
_OS2_HEADER = 12
_OS2_SHORT_HEADER = 16
_HEADERS = {_OS2_HEADER, _OS2_SHORT_HEADER, 40, 52, 56, 64, 108, 124}
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_DEPTHS = {_RGB: (1, 2, 4, 8, 16, 24, 32), _RLE8: (8,), _RLE4: (4,), _BITFIELDS: (16, 32), _ALPHA_BITFIELDS: (16, 32)}


def check_bmp(data: Data) -> None:
    """Check that `data` is a BMP image with all of its pixels.

    Raises:
        DamagedError: it is damaged or truncated.
        RowError: it is too large, or of a kind that browsers do not show.
    """
    try:
        (offset,) = struct.unpack_from("<I", data, 10)
        (header,) = struct.unpack_from("<I", data, _FILE_HEADER)
        if header == _OS2_HEADER:
            width, height, _, depth = struct.unpack_from("<HHHH", data, _FILE_HEADER + 4)
            compression = _RGB
        elif header == _OS2_SHORT_HEADER:
            width, height, _, depth = struct.unpack_from("<iiHH", data, _FILE_HEADER + 4)
            compression = _RGB
        else:
            width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, _FILE_HEADER + 4)
    except struct.error:
        raise DamagedError("it ends before its pixels") from None
    if header not in _HEADERS or depth not in _DEPTHS.get(compression, ()):
        raise not_shown("this kind of BMP image", "store PNG")
    height = abs(height)  # negative: the first line is the uppermost
    check_size((width, height))
    if compression in (_RLE8, _RLE4):
        _check_runs(data[:], width, height)
    # Lines are filled up to four bytes; behind the last one, nobody misses that.
    elif offset + (height - 1) * ((width * depth + 31) // 32 * 4) + (width * depth + 7) // 8 > len(data):
        raise without_all_pixels()


def _check_runs(data: bytes, width: int, height: int) -> None:
    check_size((width, height), MAX_DECODED_PIXELS)
    with Image.open(io.BytesIO(data), formats=["BMP"]) as image:
        image.load()
