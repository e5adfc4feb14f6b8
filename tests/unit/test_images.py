from __future__ import annotations

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from polardb_bridge.errors import RowError
from polardb_bridge.table.images import check_image, data_uri, decode_base64, decode_image
from support.source_data import base64_text, image_bytes

PNG = image_bytes("PNG")
PLAIN = base64_text(PNG)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.encode(),
        "\n".join(PLAIN[i : i + 76] for i in range(0, len(PLAIN), 76)),
        "\r\n ".join(PLAIN[i : i + 10] for i in range(0, len(PLAIN), 10)),
        f"  {PLAIN}\t",
        f"data:image/jpeg;base64,{PLAIN}",
        f"DATA:image/png;charset=x;BASE64, {PLAIN}",
        PLAIN.rstrip("="),
        base64.urlsafe_b64encode(PNG).decode(),
        base64.urlsafe_b64encode(PNG).decode().rstrip("="),
    ],
)
def test_base64_is_read_as_people_store_it(text: str | bytes) -> None:
    assert decode_base64(text) == PNG


def test_the_url_safe_alphabet_is_read() -> None:
    data = bytes([0xFB, 0xEF, 0xBE, 0xFF, 0xFF, 0xFF])
    assert base64.urlsafe_b64encode(data) == b"----____"
    assert decode_base64("----____") == data


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "NULL"),
        ("", "empty"),
        (" \n", "empty"),
        ("====", "empty"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png,abc", "without base64"),
        ("not base64!", "not base64"),
        ("猫", "not base64: character 1"),
        (PLAIN[:-3].rstrip("=")[: 4 * (len(PLAIN) // 4) - 3], "one character too many, or some are missing"),
        (PLAIN[:20] + "=" + PLAIN[21:], "not base64"),
        (base64_text(b"hello, I am a text file"), "not an image"),
        (base64_text(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "not an image"),
        (base64_text(PNG[:-20]), "truncated"),
        (base64_text(PNG[:40]), "not an image"),
        (base64_text(image_bytes("JPEG", (64, 64))[:-30]), "truncated"),
        (base64_text(image_bytes("GIF", (64, 64))[:60]), "truncated"),
        (base64_text(image_bytes("TIFF")), "TIFF images are not shown by browsers"),
    ],
)
def test_what_is_not_an_image_is_refused_with_its_reason(text: str | None, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        decode_image(text)


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
    ],
)
def test_the_media_type_comes_from_the_bytes(kind: str, media_type: str) -> None:
    data = image_bytes(kind)
    decoded = decode_image(f"data:text/html;base64,{base64_text(data)}")
    assert decoded.data == data
    assert decoded.media_type == media_type
    assert data_uri(base64_text(data)) == f"data:{media_type};base64,{base64_text(data)}"


def test_a_jpeg_without_end_marker_but_with_all_pixels_is_an_image() -> None:
    whole = image_bytes("JPEG", (64, 64))
    padded = whole + b"\x00" * 70_000
    assert check_image(padded) == "image/jpeg"


def test_a_decompression_bomb_is_refused() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(RowError, match="too many pixels"):
        check_image(bomb)


def test_a_large_image_is_checked_without_decoding_its_pixels() -> None:
    buffer = io.BytesIO()
    Image.new("L", (9_000, 9_000)).save(buffer, "PNG", compress_level=1)
    assert check_image(buffer.getvalue()) == "image/png"
