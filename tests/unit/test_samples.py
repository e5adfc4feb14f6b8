"""What a value is, by its first bytes, and how a task would read it."""

from __future__ import annotations

import gzip
import json
import os
import zlib

import pytest

from polardb_bridge.choices import FieldKind, Packing
from polardb_bridge.table.images.identify import image_format
from polardb_bridge.table.samples import READ_LENGTH, by_type, look_at
from support.source_data import base64_text, image_bytes

PNG, BMP = image_bytes(), image_bytes("BMP")
LONG = "The quick brown fox jumps over the lazy dog. " * 40
ADDRESSES = ", ".join(f"https://shop.example.com/media/{number}.jpg" for number in range(40))


def read_as(value: bytes | str, *, is_text: bool | None = None) -> str:
    """As `column:kind` says it, or nothing."""
    data = value.encode() if isinstance(value, str) else value
    sample = look_at(data[:READ_LENGTH], is_text=isinstance(value, str) if is_text is None else is_text)
    field = sample.field("c")
    return field.way if field else ""


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("value", "way"),
    [
        (PNG, "bytes"),
        (bytes(78) + PNG, "bytes@78"),
        (b"\x15\x1c\x2f" * 26 + BMP, "bytes@78"),
        (bytes(255) + PNG, "bytes@255"),
        (bytes(256) + PNG, ""),
        (bytes(20) + b"\0\0\1\0" + bytes(300), ""),
        (b"\1" * 20 + b"BM????" + bytes(300), ""),
        (gzip.compress(PNG), "bytes|gzip"),
        (len(PNG).to_bytes(4, "little") + zlib.compress(PNG), "bytes|mysql"),
        (zlib.compress(PNG), "bytes|deflate"),
        (bare(PNG), "bytes|deflate"),
        (gzip.compress(base64_text(PNG).encode()), "base64|gzip"),
        (gzip.compress(LONG.encode()), "text|gzip"),
        (bare(LONG.encode()), "text|deflate"),
        (gzip.compress(b'{"a": 1}'), "json|gzip"),
        (zlib.compress("键".encode() * 400), "text|deflate"),
        (gzip.compress(bytes(9) + os.urandom(500)), ""),
        ("Grün, as UTF-8".encode(), "text"),
        (b'{"a": 1}', "json"),
        (b"%PDF-1.7", ""),
        (b"", ""),
    ],
    ids=range(21),
)
def test_bytes(value: bytes, way: str) -> None:
    assert read_as(value) == way


@pytest.mark.parametrize(
    ("value", "way"),
    [
        (base64_text(PNG), "base64"),
        (f"{base64_text(PNG)},{base64_text(PNG)}", "base64s"),
        (f"data:image/png;base64,{base64_text(PNG)}", "base64"),
        (json.dumps([base64_text(PNG)] * 3), "base64s"),
        (json.dumps([f"data:image/png;base64,{base64_text(PNG)}"]), "base64s"),
        ("https://a.example/1.jpg", "url"),
        ("https://a.example/1,2.jpg", "url"),
        ("https://a.example/1.jpg,https://a.example/2.jpg", "urls"),
        ("//a.example/1.jpg , s3://b/2.jpg,", "urls"),
        (ADDRESSES, "urls"),
        ("https://a.example/1.jpg, and then some words", "text"),
        ("https://a.example/1.jpg, " + LONG, "text"),
        (json.dumps(["https://a.example/1.jpg", None]), "urls"),
        (json.dumps(["https:\\/\\/a.example"]).replace("\\\\", "\\"), "urls"),
        (json.dumps([f"https://a.example/{number}" for number in range(99)]), "urls"),
        ("[1, 2]", "json"),
        ("[]", "json"),
        ('["words"]', "json"),
        ('{"a": "https://a.example"}', "json"),
        ("[" * 100_000, "json"),
        (LONG, "text"),
        ("  ", ""),
    ],
    ids=range(22),
)
def test_texts(value: str, way: str) -> None:
    assert read_as(value) == way


def test_what_only_looks_packed_is_not() -> None:
    """No stream of random bytes is taken for text or a picture."""
    found = {read_as(os.urandom(READ_LENGTH)) for _ in range(3000)}
    assert found == {""}, found
    assert image_format(bytes(32)) is None


def test_types_alone_tell_numbers_and_times() -> None:
    assert by_type("decimal") == ("numbers", FieldKind.NUMBER)
    assert by_type("timestamp") == ("times", FieldKind.DATETIME)
    assert by_type("time") == ("times", FieldKind.TEXT)
    assert by_type("point") == ("point values", None)
    assert set(Packing) == {"gzip", "deflate", "mysql"}
