"""Base64 as people really store it, to the bytes of an image and its media type."""

from __future__ import annotations

import binascii
import io
import string
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from polardb_bridge.errors import RowError
from polardb_bridge.table.image_container import avif_size, webp_size

# What Chromium, Firefox and Safari all show in an <img>.
MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
}
# Of an image that is shown as it is.
MAX_PIXELS = 178_956_970  # Pillow's own limit
# Of one that is decoded here: its pixels take up to eight bytes each meanwhile.
MAX_DECODED_PIXELS = 15_000_000
_SMALL_PIXELS = 1_000_000
_one_large_decode = threading.Lock()
# What Pillow opens: its readers of WebP and AVIF, which take room at once, are not among them.
_READ = ("JPEG", "PNG", "GIF", "BMP", TiffImagePlugin.TiffImageFile.format)

_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITE_SPACE = b" \t\r\n\v\f"
_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()
# Characters of base64, whole groups of four: most photos have their headers in these, and end with the last.
_JPEG_START = 16 * 1024
_JPEG_END = 16


@dataclass(frozen=True)
class DecodedImage:
    """An image's bytes, and the media type that the bytes themselves show."""

    data: bytes
    media_type: str


def decode_image(text: str | bytes | None) -> DecodedImage:
    """Decode a row's `base64_data`.

    Accepted beside plain base64: white space and line breaks anywhere, a `data:…;base64,` prefix, the URL-safe
    alphabet, missing padding. The media type comes from the bytes, never from a column or prefix.

    Raises:
        RowError: empty, not base64, not an image, an image that browsers do not show, or a truncated one.
    """
    data = decode_base64(text)
    return DecodedImage(data, check_image(data))


def data_uri(text: str | bytes | None) -> str:
    """A row's `base64_data` as a `data:` URI in plain base64, with the media type that its bytes show.

    Raises:
        RowError: as `decode_image`.
    """
    # The row's own base64, put in order if it is not: encoding the bytes again would give the same.
    plain = _plain_base64(text)
    media_type = "image/jpeg" if _is_whole_jpeg(plain) else check_image(binascii.a2b_base64(plain))
    return f"data:{media_type};base64,{plain.decode('ascii')}"


def decode_base64(text: str | bytes | None) -> bytes:
    """The bytes of base64 `text` in any of the forms that `decode_image` accepts.

    Raises:
        RowError: empty or not base64.
    """
    return binascii.a2b_base64(_plain_base64(text))


def _plain_base64(text: str | bytes | None) -> bytes:
    """`text` in the standard alphabet, padded, with nothing around or between."""
    if text is None:
        raise RowError("base64_data is NULL")
    try:
        raw = text.encode("ascii") if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError as error:
        raise RowError(f"base64_data is not base64: character {error.start + 1} is {text[error.start]!r}") from None
    head, comma, _ = raw[:256].partition(b",")
    if comma and head.lstrip().lower().startswith(b"data:"):
        if b"base64" not in head.lower():
            raise RowError("base64_data is a data: URI without base64")
        raw = raw[len(head) + 1 :]
    raw = raw.rstrip(b"=")
    if raw.translate(None, _ALPHABET):
        raw = raw.translate(_URL_SAFE_TO_STANDARD, _WHITE_SPACE).rstrip(b"=")
        other = raw.translate(None, _ALPHABET)
        if other:
            raise RowError(f"base64_data is not base64: {chr(other[0])!r} is not in its alphabet")
    if not raw:
        raise RowError("base64_data is empty")
    if len(raw) % 4 == 1:
        raise RowError("base64_data is not base64: there is one character too many, or some are missing")
    return raw + b"=" * (-len(raw) % 4)


def _is_whole_jpeg(plain: bytes) -> bool:
    """Whether the image is a JPEG with all its headers and its end; only these are decoded.

    False if that cannot be told so cheaply: headers longer than the start, or something after the end.
    """
    if len(plain) <= _JPEG_START or b"\xff\xd9" not in binascii.a2b_base64(plain[-_JPEG_END:]):
        return False
    try:
        return check_image(binascii.a2b_base64(plain[:_JPEG_START]) + b"\xff\xd9") == "image/jpeg"
    except RowError:
        return False


def check_image(data: bytes) -> str:
    """The media type of the image in `data`, decided by its bytes.

    Pixels are decoded only if the format has no cheaper proof that nothing is missing at the end, and few of them:
    a file of some bytes may stand for gigabytes.

    Raises:
        RowError: not an image, one that browsers do not show, a truncated one, or one that is too large.
    """
    for media_type, size in (("image/webp", webp_size(data)), ("image/avif", avif_size(data))):
        if size is not None:
            check_pixels(*size, MAX_PIXELS)
            return media_type
    with _opened(data) as image:
        check_pixels(*image.size, MAX_PIXELS)
        media_type = MEDIA_TYPES[image.format or ""]
        if image.format == "PNG":
            image.verify()
        elif media_type != "image/jpeg" or b"\xff\xd9" not in data[-65536:]:
            check_pixels(*image.size, MAX_DECODED_PIXELS)
            with large_decode(image.size):
                image.load()
    return media_type


def check_pixels(width: int, height: int, most: int) -> None:
    """Raise RowError if there are more than `most`."""
    if width * height > most:
        raise RowError("the image has too many pixels")


@contextmanager
def large_decode(size: tuple[int, int]) -> Iterator[None]:
    """Decode within: large images one at a time, so that many requests take no more memory than one."""
    if size[0] * size[1] <= _SMALL_PIXELS:
        yield
        return
    with _one_large_decode:
        yield


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """The image, of a kind that browsers show, not decoded yet; what Pillow raises within comes out as RowError."""
    try:
        with warnings.catch_warnings():
            # We have limits of our own.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_READ) as image:
                if image.format not in MEDIA_TYPES:
                    shown = ", ".join(sorted(set(MEDIA_TYPES) - {"MPO"}))
                    raise RowError(f"{image.format} images are not shown by browsers; store one of {shown}")
                yield image
    except UnidentifiedImageError:
        raise RowError("base64_data is not an image") from None
    except Image.DecompressionBombError:
        raise RowError("the image has too many pixels") from None
    except (OSError, SyntaxError, EOFError, ValueError, IndexError, KeyError, TypeError, struct.error) as error:
        # What Pillow's readers raise for bad files.
        raise RowError(f"the image is damaged or truncated ({error})") from None
