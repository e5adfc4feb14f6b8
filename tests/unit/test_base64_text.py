from __future__ import annotations

import base64
import io
import json
import time
from contextlib import suppress
from urllib.parse import quote, quote_plus

import pytest

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.base64_text import decode_pieces, problem_of, readings
from polardb_bridge.table.images.decode import data_uri, decode_image
from support.images import JPEG, PNG, photo
from support.source_data import base64_text

PLAIN = base64_text(PNG)
# Many plus signs and slashes, in both alphabets.
NOISE = photo("PNG", (60, 50), mode="L")


def lines(text: str, length: int, end: str = "\n") -> str:
    return end.join(text[start : start + length] for start in range(0, len(text), length))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.encode(),
        lines(PLAIN, 76),
        lines(PLAIN, 76, "\r\n"),
        lines(PLAIN, 64, " "),
        lines(PLAIN, 76, "\\n"),
        lines(PLAIN, 76, "\\r\\n"),
        f"  {PLAIN}\t",
        PLAIN.rstrip("="),
        base64.urlsafe_b64encode(PNG).decode(),
        base64.urlsafe_b64encode(PNG).decode().rstrip("="),
        f"data:image/jpeg;base64,{PLAIN}",
        f"DATA:image/png;charset=x;BASE64, {PLAIN}",
        f"data:;base64,{PLAIN}",
        f"image/png;base64,{PLAIN}",
        f"base64,{PLAIN}",
        f"data:image/png;base64,data:image/png;base64,{PLAIN}",
        f"data:image/png;base64,image/png;base64,{PLAIN}",
        repr(PLAIN.encode()),
        f'b"{PLAIN}"',
        f"'{PLAIN}'",
        json.dumps(PLAIN),
        json.dumps(f"data:image/png;base64,{PLAIN}").replace("/", "\\/"),
        json.dumps(json.dumps(PLAIN)).replace('\\"', '"'),
        json.dumps(json.dumps(PLAIN)),
        json.dumps(json.dumps(json.dumps(f"data:image/png;base64,{PLAIN}"))),
        json.dumps([PLAIN]),
        f'[ "data:image/png;base64,{PLAIN}" ]',
        repr([PLAIN]),
        PLAIN.replace("+", "\\u002B").replace("/", "\\u002f").replace("=", "\\u003d"),
        json.dumps(PLAIN.replace("A", "\\u0041")),
        lines(PLAIN, 76, "\\\\n"),
        json.dumps(json.dumps(lines(PLAIN, 76, "\r\n"))),
        f"{PLAIN};",
        f"'data:image/png;base64,{PLAIN}';\n",
        f";base64,{PLAIN}",
        f"image/jpeg;name=x;base64,{PLAIN}",
        f"image/png;name=my photo.png;charset=utf-8;base64,{PLAIN}",
        f"-----BEGIN CERTIFICATE-----\n{lines(PLAIN, 64)}\n-----END CERTIFICATE-----\n",
        f"-----BEGIN IMAGE-----{PLAIN}-----END IMAGE-----",
        quote(PLAIN, safe=""),
        quote_plus(f"data:image/png;base64,{PLAIN}"),
        f"\ufeff{PLAIN}",
        f"\ufeff{PLAIN}".encode(),
        f"\u200b{PLAIN[:40]}\u200b{PLAIN[40:]}\u00a0",
        f"{PLAIN}\0\0\0",
        PLAIN.encode() + b"\0",
        f" 'data:image/png;base64,{PLAIN}' \n",
        base64_text(PLAIN.encode()),
        base64_text(f"data:image/png;base64,{PLAIN}".encode()),
        lines(base64_text(PLAIN.encode()), 76),
    ],
)
def test_base64_is_read_as_people_store_it(text: str | bytes) -> None:
    assert decode_image(text).data == PNG
    assert data_uri(text) == f"data:image/png;base64,{PLAIN}"


def test_blanks_in_the_place_of_plus_signs() -> None:
    """A form or query string was decoded once too often."""
    text = base64_text(NOISE)
    assert text.count("+") > 10
    assert decode_image(text.replace("+", " ")).data == NOISE
    assert decode_image(f"data:image/png;base64,{text.replace('+', ' ')}").data == NOISE
    assert data_uri(text.replace("+", " ")) == f"data:image/png;base64,{text}"
    # Blanks between words of one length are no plus signs.
    assert decode_image(lines(text, 60, " ")).data == NOISE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "NULL"),
        ("", "empty"),
        (" \n", "empty"),
        ("====", "empty"),
        ("''", "empty"),
        ("\0\0", "empty"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png,abc", "without base64"),
        ("not base64!", "not base64"),
        ("猫", "not base64: character 1 is '猫'"),
        (PLAIN.rstrip("=")[: 4 * (len(PLAIN) // 4) - 3], "one character too many, or some are missing"),
        (PLAIN[:20] + "=" + PLAIN[21:], "'=' is not in its alphabet"),
        (PLAIN[:20] + "%zz" + PLAIN[21:], "'%' is not in its alphabet"),
        ("https://example.com/cat.jpg", "the address of a file"),
        ("s3://bucket/cat", "the address of a file"),
        ("photos/2024/cat.jpg", "the address of a file"),
        ("C:\\photos\\cat.png", "the address of a file"),
        (f'{{"image": "{PLAIN}"}}', "holds JSON"),
        (json.dumps([PLAIN, PLAIN]), "holds JSON"),
        (json.dumps([[PLAIN]]), "holds JSON"),
        ("[]", "holds JSON"),
        ("NULL", "not an image, but the text 'NULL'"),
        ("None", "not an image, but the text 'None'"),
        ("nan", "not an image, but the text 'nan'"),
        (" null\n", "not an image, but the text 'null'"),
        (f"{PLAIN},", "ends in a comma"),
        (f"data:image/png;base64,{PLAIN},\n", "ends in a comma"),
        (f"{PLAIN.rstrip('=')},", "ends in a comma"),
        (f"-----BEGIN CERTIFICATE-----\n{PLAIN}", "not base64"),
        (f'<img src="data:image/png;base64,{PLAIN}">', "HTML or XML as text"),
        (JPEG.hex(), "hex digits"),
        (JPEG.hex().upper(), "hex digits"),
        (f"0x{JPEG.hex()}", "hex digits"),
        (f"X'{JPEG.hex()}'", "hex digits"),
        (JPEG, "raw bytes of a JPEG file"),
        (JPEG.decode("latin-1"), "raw bytes of a JPEG file"),
        (PNG.decode("latin-1"), "raw bytes of a PNG file"),
        (f"{PLAIN},{PLAIN}", "more than one text"),
        (f"{base64_text(JPEG)},{PLAIN}", "more than one text"),
        (f"data:image/png;base64,{PLAIN},data:image/png;base64,{PLAIN}", "more than one text"),
    ],
)
def test_what_is_no_base64_of_an_image_is_named(text: str | bytes | None, reason: str) -> None:
    with pytest.raises(RowError) as caught:
        decode_image(text)
    assert reason in str(caught.value)
    with pytest.raises(RowError) as again:
        data_uri(text)
    assert str(again.value) == str(caught.value)


def test_messages_do_not_repeat_the_text() -> None:
    with pytest.raises(RowError) as caught:
        decode_image("!" * 100_000)
    assert len(str(caught.value)) < 200


def decoded_in_pieces(text: str | bytes, size: int) -> bytes:
    """The first piece holds the whole prefix, as always."""
    raw = text.encode() if isinstance(text, str) else text
    file = io.BytesIO()
    decode_pieces([raw[:60], *(raw[start : start + size] for start in range(60, len(raw), size))], file)
    return file.getvalue()


@pytest.mark.parametrize("size", [7, 300])
@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        lines(PLAIN, 76, "\r\n"),
        PLAIN.rstrip("="),
        base64.urlsafe_b64encode(PNG).decode(),
        f"data:image/png;base64,{PLAIN}\n",
        f"data:image/png;base64,image/png;base64,{PLAIN}",
        repr(PLAIN.encode()),
        json.dumps(PLAIN),
        f"\ufeff{PLAIN}\0\0",
    ],
)
def test_large_texts_are_read_in_pieces(text: str, size: int) -> None:
    assert decoded_in_pieces(text, size) == PNG


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "====",
        "data:image/png;base64,",
        "data:image/png,abc",
        "not base64!",
        f"{PLAIN[:20]}={PLAIN[21:]}",
        "AAAAA",
    ],
)
def test_pieces_that_are_not_base64_are_refused_as_in_one(text: str) -> None:
    with pytest.raises(RowError) as in_one:
        next(readings(text))
    with pytest.raises(RowError) as in_pieces:
        decoded_in_pieces(text, 3)
    assert str(in_pieces.value) == str(in_one.value)


@pytest.mark.parametrize("unit", ["\\", "\\u00", "['", "-----BEGIN a-----", "-----END ", "%2", "data:", "a/", ";"])
@pytest.mark.parametrize("start", ["", "[ '", "-----BEGIN a-----", "data:", "a/"])
def test_no_text_takes_long(start: str, unit: str) -> None:
    """A megabyte of backslashes took minutes while one pattern began anew at each of them."""
    text = start + unit * (300_000 // len(unit))
    began = time.monotonic()
    with suppress(RowError):
        list(readings(text))
    problem_of(text)
    assert time.monotonic() - began < 2
