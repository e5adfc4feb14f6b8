"""A row's `base64_data` to the image that browsers show."""

from __future__ import annotations

import base64
import binascii
import io
import mmap
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from PIL import Image, UnidentifiedImageError

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.base64_text import problem_of, readings
from polardb_bridge.table.images.bmp import check_bmp
from polardb_bridge.table.images.container import container_size
from polardb_bridge.table.images.convert import heic_to_jpeg, tiff_to_png
from polardb_bridge.table.images.ico import check_ico
from polardb_bridge.table.images.identify import image_format, other_kind
from polardb_bridge.table.images.jpeg import check_jpeg, is_whole
from polardb_bridge.table.images.limits import MAX_DECODED_PIXELS, MAX_PIXELS, check_size, too_many_pixels
from polardb_bridge.table.images.png import check_png

_T = TypeVar("_T")

# Characters of base64, whole groups of four: most photos have their headers in these, and end with the last.
_JPEG_START = 16 * 1024
_JPEG_END = 16
# Of a file, what tells its kind.
_HEADERS = 1024
# Held while an image is decoded: one at a time, so that many requests take no more memory than one.
DECODING = threading.Lock()


@dataclass(frozen=True)
class DecodedImage:
    """An image as browsers show it, and the media type that the bytes themselves show."""

    data: bytes
    media_type: str


def decode_image(text: str | bytes | None) -> DecodedImage:
    """The image of a row's `base64_data`, converted if browsers do not show its format (TIFF, HEIC).

    Accepted beside plain base64: what `base64_text` takes off. The format comes from the bytes, never from a column
    or prefix.

    Raises:
        RowError: empty, not base64, not an image, one that browsers do not show, or a damaged or truncated one.
    """
    return first_that_works(text, lambda plain: shown_image(binascii.a2b_base64(plain)))


def data_uri(text: str | bytes | None) -> str:
    """The same as a `data:` URI in plain base64.

    Raises:
        RowError: as `decode_image`.
    """

    def as_uri(plain: bytes) -> str:
        media_type = "image/jpeg"
        if not _is_whole_jpeg(plain):
            data = binascii.a2b_base64(plain)
            shown = shown_image(data)
            media_type = shown.media_type
            # The row's own base64, if nothing was converted: encoding the bytes again would give the same.
            plain = plain if shown.data is data else base64.b64encode(shown.data)
        return f"data:{media_type};base64,{plain.decode('ascii')}"

    return first_that_works(text, as_uri)


def first_that_works(text: str | bytes | None, use: Callable[[bytes], _T]) -> _T:
    """`use` with the likeliest reading of the text for which it raises nothing.

    Raises:
        RowError: there is none; says what the text is, or what is wrong with the first reading.
    """
    problem: RowError | None = None
    try:
        for plain in readings(text):
            try:
                return use(plain)
            except RowError as error:
                problem = problem or error
    except RowError as error:
        problem = problem or error
    raise problem_of(text) or problem or RowError("base64_data is empty")


def _is_whole_jpeg(plain: bytes) -> bool:
    """Whether the image is a whole JPEG as far as its start and its end tell; only these are decoded."""
    if len(plain) <= _JPEG_START or not plain.startswith(b"/9j/"):
        return False
    with _decoders_errors("JPEG"):
        return is_whole(binascii.a2b_base64(plain[:_JPEG_START]), binascii.a2b_base64(plain[-_JPEG_END:]))


def shown_image(data: bytes) -> DecodedImage:
    """The image in `data` as browsers show it: the same bytes, unless they had to be converted.

    Raises:
        RowError: not an image, one that browsers do not show, or a damaged or truncated one.
    """
    name, kind = _recognized(data[:_HEADERS])
    with _decoders_errors(name):
        if kind.converted is not None:
            media_type, convert = kind.converted
            with DECODING:
                return DecodedImage(convert(data), media_type)
        kind.check(data)
    return DecodedImage(data, kind.media_type)


def shown_file(file: BinaryIO) -> DecodedImage | str:
    """Like `shown_image`, for a large image in a file: its media type, if it is shown as it is.

    Raises:
        RowError: as `shown_image`.
    """
    file.flush()
    try:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise RowError("base64_data is empty") from None
    with data:
        name, kind = _recognized(data[:_HEADERS])
        if not kind.needs_no_memory:
            shown = shown_image(data[:])
            return shown if kind.converted else kind.media_type
        with _decoders_errors(name):
            kind.check(data)
    return kind.media_type


def check_image(data: bytes) -> str:
    """The media type of the image in `data`, decided by its bytes; it is whole, and can be shown.

    Pixels are decoded only if the format has no cheaper proof that nothing is missing at the end.

    Raises:
        RowError: as `shown_image`.
    """
    shown_image(data)
    return _recognized(data[:_HEADERS])[1].media_type


@dataclass(frozen=True)
class _Format:
    """One format.

    check: raises if an image is not whole. converted: what it is shown as, by media type and function.
    needs_no_memory: `check` looks at few bytes, and can do so where they are on the disk.
    """

    media_type: str
    check: Callable[[Any], object]
    converted: tuple[str, Callable[[bytes], bytes]] | None = None
    needs_no_memory: bool = False


def _recognized(start: bytes) -> tuple[str, _Format]:
    name = image_format(start[:32])
    if name is not None:
        return name, _FORMATS[name]
    if not start:
        raise RowError("base64_data is empty")
    other = other_kind(start)
    if other is None:
        raise RowError("base64_data is not an image")
    raise RowError(f"base64_data is not an image, but {other}; store one of {', '.join(sorted(_FORMATS))}")


@contextmanager
def _decoders_errors(name: str) -> Iterator[None]:
    """Whatever is raised for bad files of the format `name`, as errors of the row.

    Decoders raise nearly everything that there is.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they warn of what they get over
            yield
    except RowError:
        raise
    except Image.DecompressionBombError:
        raise too_many_pixels(None, MAX_PIXELS) from None
    except Exception as error:  # noqa: BLE001
        unidentified = isinstance(error, UnidentifiedImageError)
        said = "its headers cannot be read" if unidentified else str(error) or type(error).__name__
        raise RowError(f"the {name} image is damaged or truncated ({said})") from None


def _check_by_decoding(name: str) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        with DECODING, Image.open(io.BytesIO(data), formats=[name]) as image:
            check_size(image.size, MAX_DECODED_PIXELS)
            image.load()

    return check


def _check_gif(data: bytes) -> None:
    check_size((int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")), MAX_DECODED_PIXELS)
    _check_by_decoding("GIF")(data)


def _check_container(name: str) -> Callable[[bytes], None]:
    def check(data: bytes) -> None:
        size = container_size(data)
        check_size(size)
        if size[0] * size[1] <= MAX_DECODED_PIXELS:
            _check_by_decoding(name)(data)

    return check


_FORMATS = {
    "JPEG": _Format("image/jpeg", check_jpeg, needs_no_memory=True),
    "PNG": _Format("image/png", check_png, needs_no_memory=True),
    "GIF": _Format("image/gif", _check_gif),
    "WEBP": _Format("image/webp", _check_container("WEBP")),
    "BMP": _Format("image/bmp", check_bmp, needs_no_memory=True),
    "AVIF": _Format("image/avif", _check_container("AVIF")),
    "ICO": _Format("image/x-icon", check_ico),
    "TIFF": _Format("image/tiff", tiff_to_png, ("image/png", tiff_to_png)),
    "HEIC": _Format("image/heic", heic_to_jpeg, ("image/jpeg", heic_to_jpeg)),
}
