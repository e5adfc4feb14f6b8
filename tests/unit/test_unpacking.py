"""Packed bytes are unpacked within bounds, whatever they claim."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from polardb_bridge.choices import FieldKind, Packing
from polardb_bridge.errors import RowError
from polardb_bridge.table.fields import Field
from polardb_bridge.table.unpacking import UnpackedTooLargeError, begin_unpacking, unpack, unpack_pieces

TEXT = "The 😀 quick brown fox. ".encode() * 5000


def bare(data: bytes) -> bytes:
    """A deflate stream without a frame, as PHP's gzdeflate makes it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def compressed(data: bytes) -> bytes:
    """What the server's COMPRESS() gives."""
    return len(data).to_bytes(4, "little") + zlib.compress(data) if data else b""


PACKED: dict[str, tuple[Packing, Callable[[bytes], bytes]]] = {
    "gzip": (Packing.GZIP, gzip.compress),
    "zlib": (Packing.DEFLATE, zlib.compress),
    "bare": (Packing.DEFLATE, bare),
    "stored": (Packing.DEFLATE, lambda data: zlib.compress(data, 0)),
    "mysql": (Packing.MYSQL, compressed),
}
ways = pytest.mark.parametrize("way", PACKED)


def of(packing: Packing) -> Field:
    return Field("body", FieldKind.TEXT, packing=packing)


@ways
@pytest.mark.parametrize("size", [1, 2, 3, 31, 64 * 1024 - 1, 64 * 1024, 100_000])
def test_what_is_packed_comes_back(way: str, size: int) -> None:
    packing, pack = PACKED[way]
    data = TEXT[:size]
    assert unpack(of(packing), pack(data), size) == data
    pieces = [pack(data)[at : at + 7] for at in range(0, len(pack(data)), 7)]
    assert b"".join(unpack_pieces(of(packing), pieces)) == data


@ways
def test_a_byte_more_than_allowed_is_refused(way: str) -> None:
    packing, pack = PACKED[way]
    with pytest.raises(UnpackedTooLargeError, match=r"body has more than 99,999 bytes once it is unpacked"):
        unpack(of(packing), pack(TEXT[:100_000]), 99_999)


@ways
def test_a_bomb_is_never_held(way: str) -> None:
    packing, pack = PACKED[way]
    if way == "stored":
        return
    bomb = pack(bytes(200_000_000))
    tracemalloc.start()
    with pytest.raises(UnpackedTooLargeError):
        unpack(of(packing), bomb, 4_000_000)
    assert tracemalloc.get_traced_memory()[1] < 12_000_000
    tracemalloc.stop()


@ways
def test_truncated_and_damaged_streams_are_named(way: str) -> None:
    packing, pack = PACKED[way]
    packed = pack(TEXT)
    for cut in (1, 3, len(packed) // 2, len(packed) - 1):
        with pytest.raises(RowError, match=f"body is not packed by {packing}, or damaged or cut off"):
            unpack(of(packing), packed[:cut])
    if way != "bare":  # which has no checksum
        middle = len(packed) // 2
        damaged = packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]
        with pytest.raises(RowError, match="damaged"):
            unpack(of(packing), damaged)


@pytest.mark.parametrize("packing", Packing)
@pytest.mark.parametrize(
    "data", [b"x", b"plain text, not packed", bytes(40), b"\x1f\x8b", b"\x78\x9c", b"\xff" * 100], ids=range(6)
)
def test_what_is_not_packed_is_named(packing: Packing, data: bytes) -> None:
    with pytest.raises(RowError, match="is not packed by"):
        unpack(of(packing), data)


@pytest.mark.parametrize("packing", Packing)
def test_nothing_is_nothing(packing: Packing) -> None:
    assert unpack(of(packing), b"") == b""
    assert begin_unpacking(packing, b"") == b""


def test_members_of_gzip_are_joined_wherever_they_are_cut() -> None:
    data = gzip.compress(b"one") + gzip.compress(b"two") + gzip.compress(TEXT)
    for length in (1, 5, len(data)):
        pieces = [data[at : at + length] for at in range(0, len(data), length)]
        assert b"".join(unpack_pieces(of(Packing.GZIP), pieces)) == b"onetwo" + TEXT
    assert unpack(of(Packing.GZIP), gzip.compress(b"one") + bytes(9)) == b"one", "filled up with zeros"
    many = gzip.compress(b"") * 10_000
    assert unpack(of(Packing.GZIP), many) == b""


def test_a_length_that_lies_is_damage_or_a_bomb() -> None:
    packed = zlib.compress(b"hello")
    for length in (0, 4, 6, 5000):
        with pytest.raises(RowError, match="damaged"):
            unpack(of(Packing.MYSQL), length.to_bytes(4, "little") + packed)
    with pytest.raises(UnpackedTooLargeError):
        unpack(of(Packing.MYSQL), (2**30 - 1).to_bytes(4, "little") + packed)
    assert unpack(of(Packing.MYSQL), (5 | 1 << 31).to_bytes(4, "little") + packed) == b"hello"
    assert unpack(of(Packing.MYSQL), (5).to_bytes(4, "little") + packed + b".") == b"hello", "as COMPRESS() may end"
