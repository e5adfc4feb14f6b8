"""Base64 as people really store it, to base64 in its standard form.

Programs and people wrap base64 on its way into a column. What can be taken off without guessing is taken off; what
cannot is named, so that people see what to change.
"""

from __future__ import annotations

import binascii
import re
import string
from collections.abc import Iterable, Iterator
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.identify import image_format

_ALPHABET = (string.ascii_letters + string.digits + "+/").encode()
_URL_SAFE_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITE_SPACE = b" \t\r\n\v\f"
_ENDS = _WHITE_SPACE + b"\0"
_QUOTES = b"'\"`"
# What may stand behind base64.
ENDS = _ENDS + _QUOTES + b";"
# Byte order mark, zero-width characters, and blanks that ASCII does not have.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00a0\u3000\u2028\u2029"
_WITHOUT_INVISIBLE = str.maketrans("", "", _INVISIBLE)
# A `data:` URI's head, or what is left of one. The media type in it says nothing that the bytes do not say better.
_PREFIX = re.compile(rb"(?:(?:data:|[a-z]{1,20}/)[^,]{0,200}?;|;)?\s*base64\s*[,:]", re.IGNORECASE)
_OTHER_DATA_URI = re.compile(rb"data:[^,]{0,200},", re.IGNORECASE)
_QUOTED = re.compile(rb"""b?(['"`])(.*)\1""", re.IGNORECASE | re.DOTALL)
# A list of one text.
_LISTED = re.compile(rb"""\[\s*((['"]).*\2)\s*\]""", re.DOTALL)
_ARMOUR = re.compile(rb"-----BEGIN [^-]{1,60}-----(.*?)-----END [^-]{1,60}-----", re.DOTALL)
# White space that is escaped, and what JSON may escape of the alphabet and of the characters around it.
_ESCAPES = re.compile(rb"""\\[nrt]|\\(?=["'/\\])""")
_UNICODE_ESCAPE = re.compile(rb"(?<!\\)\\+u00([0-7][0-9A-Fa-f])")
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_HEX = re.compile(rb"(?:0x|\\x|x')?((?:[0-9A-Fa-f]{2}){8,})'?", re.IGNORECASE)
_ADDRESS = re.compile(
    rb"(?:https?|ftp|file|s3|gs|oss)://\S+|[\w./\\:-]{1,255}\.(?:jpe?g|png|gif|webp|bmp|tiff?|heic)", re.I
)
# What programs write for a value that is not there.
_WORDS_FOR_NOTHING = {b"null", b"none", b"nan", b"nil", b"n/a", b"na", b"undefined", b"<null>", b"\\n"}
# More layers than any program makes.
_MAX_LAYERS = 8
_SLICE_BYTES = 1024 * 1024


def readings(text: str | bytes | None) -> Iterator[bytes]:
    """What `text` can mean, the likeliest first: base64 in the standard alphabet, padded, nothing around or between.

    Raises:
        RowError: empty or not base64.
    """
    if text is None:
        raise RowError("base64_data is NULL")
    raw = _as_bytes(text)
    plain = raw.rstrip(b"=")
    if not plain.translate(None, _ALPHABET):
        yield padded(plain)
        inner = plain
    else:
        inner = _unwrapped(raw)
        yield padded(standard(inner))
        if b" " in inner and b"+" not in inner:
            # A form that was read as a query string: each `+` has become a blank.
            yield padded(standard(inner.replace(b" ", b"+")))
    again = _encoded_twice(standard(inner))
    if again is not None:
        yield again


def decode_pieces(pieces: Iterable[bytes], file: BinaryIO) -> None:
    """The bytes of a large text, which comes in pieces, into a file. Less is taken off than by `readings`.

    Raises:
        RowError: empty or not base64.
    """
    rest = b""
    is_first, is_empty = True, True
    for piece in pieces:
        text = memoryview(without_head(piece) if is_first else piece)
        is_first = False
        for start in range(0, len(text), _SLICE_BYTES):
            rest += bytes(text[start : start + _SLICE_BYTES]).translate(_URL_SAFE_TO_STANDARD, _ENDS + _QUOTES)
            # Padding can only be at the end: what follows it is refused, by the alphabet.
            whole = len(rest.rstrip(b"=")) // 4 * 4
            is_empty = is_empty and not whole
            if whole:
                file.write(binascii.a2b_base64(standard(rest[:whole])))
            rest = rest[whole:]
    if is_empty or rest.rstrip(b"="):
        file.write(binascii.a2b_base64(padded(standard(rest))))


def without_head(raw: bytes) -> bytes:
    """A text, or its first part, without what stands before the base64."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").lstrip(_ENDS)
    raw = raw.removeprefix(b"b") if raw[:2] in (b"b'", b'b"') else raw
    while prefix := _PREFIX.match(raw := raw.lstrip(_ENDS + _QUOTES)):
        raw = raw[prefix.end() :]
    if _OTHER_DATA_URI.match(raw):
        raise RowError("base64_data is a data: URI without base64")
    return raw


def problem_of(text: str | bytes | None) -> RowError | None:
    """What a text is that is not the base64 of an image, and what to store in its place; None if it cannot be told."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text or b""
    start = raw[:4096].strip(_ENDS)
    if found := image_format(raw[:32]) or image_format(_as_latin_1(raw[:64])):
        return RowError(f"base64_data holds the raw bytes of a {found} file; store them as base64")
    if start.strip(_QUOTES).lower() in _WORDS_FOR_NOTHING:
        word = start.strip(_QUOTES).decode("ascii")
        return RowError(f"base64_data is not an image, but the text {word!r}; store the base64 of one image, or NULL")
    if _ADDRESS.fullmatch(start):
        return RowError("base64_data holds the address of a file (a URL or path); store the file's content as base64")
    if start[:1] in (b"{", b"["):
        return RowError("base64_data holds JSON; store the base64 of one image")
    if start[:1] == b"<":
        return RowError("base64_data holds HTML or XML as text; store the base64 of one image")
    if (digits := _HEX.match(start)) and image_format(binascii.unhexlify(digits[1])):
        return RowError("base64_data holds hex digits; store base64 (in MySQL: TO_BASE64(UNHEX(…)))")
    head, comma, rest = raw.partition(b"=,") if b"=," in raw else _at_comma(raw)
    if comma and image_format(first_bytes(head)):
        if not rest.strip(_ENDS + _QUOTES + b","):
            return RowError("base64_data ends in a comma; store the base64 of one image without it")
        return RowError("base64_data holds more than one text, joined by a comma; store one image a row")
    return None


def _at_comma(raw: bytes) -> tuple[bytes, bytes, bytes]:
    prefix = _PREFIX.match(raw)
    return raw[prefix.end() if prefix else 0 :].partition(b",")


def first_bytes(raw: bytes) -> bytes:
    """The first bytes that the start of a base64 text holds, 48 at most; none if it is no base64."""
    prefix = _PREFIX.match(raw)
    head = raw[prefix.end() if prefix else 0 :][:64]
    try:
        return binascii.a2b_base64(head[: len(head) // 4 * 4])
    except binascii.Error:
        return b""


def _as_latin_1(raw: bytes) -> bytes:
    try:
        return raw.decode("utf-8", "ignore").encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _as_bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("ascii")
    except UnicodeEncodeError:
        text = text.translate(_WITHOUT_INVISIBLE)
    try:
        return text.encode("ascii")
    except UnicodeEncodeError as error:
        raise RowError(f"base64_data is not base64: character {error.start + 1} is {text[error.start]!r}") from None


def _unwrapped(raw: bytes) -> bytes:
    """`raw` without what is around it; white space and the URL-safe alphabet are still as they were."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    for _ in range(_MAX_LAYERS):
        before = raw
        raw = raw.strip(_ENDS).rstrip(_ENDS + b";")
        if wrapped := _LISTED.fullmatch(raw) or _ARMOUR.fullmatch(raw):
            raw = wrapped[1]
        if quoted := _QUOTED.fullmatch(raw):
            raw = quoted[2]
        if b"\\" in raw:
            raw = _ESCAPES.sub(b"", _UNICODE_ESCAPE.sub(lambda found: binascii.unhexlify(found[1]), raw))
        if b"%" in raw and _PERCENT.search(raw):
            raw = unquote_to_bytes(raw)
        if prefix := _PREFIX.match(raw):
            raw = raw[prefix.end() :]
        elif _OTHER_DATA_URI.match(raw):
            raise RowError("base64_data is a data: URI without base64")
        if raw == before:
            break
    return raw.rstrip(b"=")


def standard(raw: bytes) -> bytes:
    """Base64 without white space and padding, in the standard alphabet.

    Raises:
        RowError: it is none.
    """
    plain = raw.translate(_URL_SAFE_TO_STANDARD, _WHITE_SPACE).rstrip(b"=")
    other = plain.translate(None, _ALPHABET)
    if other:
        raise RowError(f"base64_data is not base64: {chr(other[0])!r} is not in its alphabet")
    return plain


def padded(plain: bytes) -> bytes:
    """Base64 of `standard` with the padding that decoders want.

    Raises:
        RowError: it is empty, or has a length that none has.
    """
    if not plain:
        raise RowError("base64_data is empty")
    if len(plain) % 4 == 1:
        raise RowError("base64_data is not base64: there is one character too many, or some are missing")
    return plain + b"=" * (-len(plain) % 4)


def _encoded_twice(plain: bytes) -> bytes | None:
    """The base64 that is inside of this base64, if it is that of an image."""
    if not first_bytes(first_bytes(plain)) or not image_format(first_bytes(first_bytes(plain))):
        return None
    return next(readings(binascii.a2b_base64(padded(plain))), None)
