"""Bytes that are packed in their column, unpacked within bounds: some kilobytes can stand for gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from polardb_bridge.choices import Packing
from polardb_bridge.errors import RowError
from polardb_bridge.table.fields import Field

# Of a picture. As many as a task can hold of one that is not packed.
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
# At once: what is left over of them is copied with each piece that comes out.
_FED_BYTES = 64 * 1024
# Enough to tell what it is.
_BEGIN_BYTES = 512
# https://docs.python.org/3/library/zlib.html#zlib.decompress
_GZIP, _ZLIB, _BARE = 31, 15, -15
_GZIP_MAGIC = b"\x1f\x8b"
# Before the zlib stream of COMPRESS(): the length, of which two bits are for later use (MySQL, item_strfunc.cc).
_LENGTH_BYTES = 4
_LENGTH_MASK = 0x3FFFFFFF


class UnpackedTooLargeError(RowError):
    """What is packed has more bytes than may be held."""


def unpack(source: Field, data: bytes, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """What `data`, as the source's column holds it, is unpacked; the same if it is not packed.

    Raises:
        RowError: it is not packed like this, damaged or cut off.
        UnpackedTooLargeError: it has more than `max_bytes`; they are never held.
    """
    return b"".join(unpack_pieces(source, [data], max_bytes)) if source.packing else data


def unpack_pieces(source: Field, pieces: Iterable[bytes], max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[bytes]:
    """The same, of data that comes in pieces.

    Raises:
        RowError: as `unpack`.
    """
    if source.packing is None:
        yield from pieces
        return
    size = 0
    try:
        for piece in _unpacked(source.packing, pieces, max_bytes):
            size += len(piece)
            if size > max_bytes:
                raise OverflowError
            yield piece
    except OverflowError:
        raise UnpackedTooLargeError(
            f"{source.column} has more than {max_bytes:,} bytes once it is unpacked ({source.packing})"
        ) from None
    except (zlib.error, EOFError):
        raise RowError(f"{source.column} is not packed by {source.packing}, or damaged or cut off") from None


def begin_unpacking(packing: Packing, start: bytes) -> bytes:
    """What the first bytes of packed data unpack to; none if they are not packed like this."""
    data = start[_LENGTH_BYTES:] if packing is Packing.MYSQL else start
    try:
        return zlib.decompressobj(_window(packing, data)).decompress(data, _BEGIN_BYTES)
    except zlib.error:
        return b""


def _unpacked(packing: Packing, pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """In pieces; raises EOFError if the data ends too early, OverflowError if it says that it is larger than it may."""
    fed = _slices(packing, pieces)
    data = next(fed, b"")
    if not data:
        return  # nothing, packed: COMPRESS('') is ''
    expected = None
    if packing is Packing.MYSQL:
        expected = int.from_bytes(data[:_LENGTH_BYTES], "little") & _LENGTH_MASK
        data = data[_LENGTH_BYTES:]
        if _has_frame(data) and expected > max_bytes:
            raise OverflowError
    stream: Any = zlib.decompressobj(_window(packing, data))
    size = 0
    while True:
        piece = stream.decompress(data, _PIECE_BYTES)
        size += len(piece)
        if piece:
            yield piece
        data = stream.unconsumed_tail
        if stream.eof:
            data = stream.unused_data
            while len(data) < len(_GZIP_MAGIC) and (more := next(fed, b"")):
                data += more
            if packing is not Packing.GZIP or not data.startswith(_GZIP_MAGIC):
                break
            stream = zlib.decompressobj(_GZIP)  # another member, as `cat a.gz b.gz` makes them
        elif not data and len(piece) < _PIECE_BYTES:
            data = next(fed, b"")
            if not data:
                raise EOFError
    if expected not in (None, size):
        raise EOFError


def _slices(packing: Packing, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces in parts of a size; the first has what tells how the rest is read."""
    start = b""
    needed = _LENGTH_BYTES + 2 if packing is Packing.MYSQL else 2
    for piece in pieces:
        data = memoryview(start + piece if start else piece)
        start = b""
        if needed and len(data) < needed:
            start = bytes(data)
            continue
        needed = 0
        for at in range(0, len(data), _FED_BYTES):
            yield bytes(data[at : at + _FED_BYTES])
    if start:
        yield start


def _window(packing: Packing, data: bytes) -> int:
    if packing is Packing.GZIP:
        return _GZIP
    return _ZLIB if packing is Packing.MYSQL or _has_frame(data) else _BARE


def _has_frame(data: bytes) -> bool:
    """Whether these are the first bytes of zlib's frame (RFC 1950); without it, streams begin otherwise (RFC 1951)."""
    return len(data) > 1 and data[0] & 0x8F == 0x08 and int.from_bytes(data[:2], "big") % 31 == 0
