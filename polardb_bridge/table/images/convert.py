"""Images that browsers do not show, but scanners and phones write: shown as another format.

The row keeps what it has. Boxes are drawn on what is shown, that is upright as the file's orientation says.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageOps

from polardb_bridge.table.images.limits import MAX_CONVERTED_PIXELS, check_size
from polardb_bridge.table.images.problems import not_shown

try:
    import pillow_heif
except ImportError:
    pillow_heif = None  # type: ignore[assignment]

_JPEG_QUALITY = 92
_CANON = b"CR"
_NEW_SUBFILE_TYPE, _REDUCED, _DNG_VERSION = 254, 1, 50706
# As they are; other modes of colour are brought to these.
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")


def tiff_to_png(data: bytes) -> bytes:
    """The first page of a TIFF file, without loss.

    Raises:
        RowError: its pixels cannot be shown.
        Exception: whatever Pillow raises for damaged files.
    """
    with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
        if data[8:10] == _CANON or _is_raw(image):
            raise not_shown("raw images of cameras", "store JPEG")
        check_size(image.size, MAX_CONVERTED_PIXELS)
        if image.mode in ("F", "I", "LAB") or image.mode.startswith("I;16B"):
            raise not_shown(f"TIFF images with this kind of pixels ({image.mode})", "store PNG or JPEG")
        image.load()
        return _saved(ImageOps.exif_transpose(image), "PNG")


def _is_raw(image: Any) -> bool:
    """Whether the first page is a small picture of the one that the camera took, which Pillow cannot read.

    https://www.itu.int/itudoc/itu-t/com16/tiff-fx/docs/tiff6.pdf (NewSubfileType), Adobe's DNG specification.
    """
    tags = image.tag_v2
    return _DNG_VERSION in tags or bool(int(tags.get(_NEW_SUBFILE_TYPE, 0)) & _REDUCED)


def heic_to_jpeg(data: bytes) -> bytes:
    """The main picture of a HEIC file.

    Raises:
        RowError: what reads HEIC is not installed.
        Exception: whatever it raises for damaged files.
    """
    if pillow_heif is None:
        raise not_shown("HEIC images", "store JPEG, or install polardb-bridge[heif]")
    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    check_size(file.size, MAX_CONVERTED_PIXELS)
    return _saved(file.to_pillow(), "JPEG")


def _saved(image: Image.Image, kind: str) -> bytes:
    wanted = image if kind == "PNG" and image.mode in _PNG_MODES else image.convert("RGB")
    buffer = io.BytesIO()
    if kind == "PNG":
        wanted.save(buffer, "PNG", compress_level=1)
    else:
        wanted.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
