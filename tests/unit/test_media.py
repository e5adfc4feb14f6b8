"""What a file is by its first bytes, and where its parts are in base64."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polardb_bridge.errors import RowError
from polardb_bridge.table.media.kinds import ANY, Medium, is_image, recognized
from polardb_bridge.table.media.parts import Base64Parts, FileParts, IrregularError, ServerParts, parts_of_base64
from support.media import CSV, PDF, mp4, wav
from support.source_data import image_bytes

OGG = b"OggS\0\2" + bytes(22)
EBML = b"\x1aE\xdf\xa3\xa3B\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82"
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(64)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (wav(0.1), "audio/wav"),
        (b"ID3\4\0\0\0\0\0\x23" + bytes(99), "audio/mpeg"),
        (b"\xff\xfb\x90d" + bytes(99), "audio/mpeg"),
        (b"\xff\xf1\x50\x80" + bytes(99), "audio/aac"),
        (OGG + b"OpusHead", "audio/ogg"),
        (OGG + b"\1vorbis", "audio/ogg"),
        (b"fLaC\0\0\0\x22" + bytes(99), "audio/flac"),
        (mp4(brand=b"M4A ", compatible=b"M4A isommp42"), "audio/mp4"),
        (mp4(), "video/mp4"),
        (mp4(brand=b"iso6", compatible=b"dash"), "video/mp4"),
        (mp4(brand=b"qt  ", compatible=b"qt  "), "video/mp4"),
        (EBML + b"\x84webm" + bytes(99), "video/webm"),
        (PDF, "application/pdf"),
        (CSV, "text/plain; charset=utf-8"),
        ("\ufeff列,値\r\n\t\f".encode(), "text/plain; charset=utf-8"),
        ("é" * 2000, "text/plain; charset=utf-8"),
        (b'{"a": 1}', "text/plain; charset=utf-8"),
        (b"BM,RIFF,OggS\n", "text/plain; charset=utf-8"),
    ],
)
def test_what_browsers_show_is_told_by_its_bytes(data: bytes | str, media_type: str) -> None:
    start = data[:3071] if isinstance(data, bytes) else data.encode()[:3071]
    assert recognized(start, ANY) == media_type
    assert not is_image(start, ANY)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "base64_data is empty"),
        (EBML + b"\x88matroska" + bytes(99), "browsers do not show Matroska videos"),
        (b"RIFF\0\0\1\0AVI LIST" + bytes(99), "browsers do not show AVI videos; store MP4 or WebM"),
        (ASF, "browsers do not show Windows Media files"),
        (b"FLV\1\5\0\0\0\x09" + bytes(99), "browsers do not show Flash videos"),
        (b"\0\0\1\xba\x44" + bytes(99), "browsers do not show MPEG videos"),
        (b"FORM\0\0\1\0AIFFCOMM" + bytes(99), "browsers do not show AIFF sounds; store MP3 or WAV"),
        (b"#!AMR\n\0" + bytes(99), "browsers do not show AMR sounds"),
        (b"MThd\0\0\0\6" + bytes(99), "browsers do not show MIDI files"),
        (OGG + b"\x80theora", "browsers do not show Ogg videos"),
        (mp4(brand=b"crx ", compatible=b"crx isom"), "browsers do not show raw images of cameras"),
        (bytes(128) + b"DICM\2\0\0\0UL", "but a DICOM file; store one of"),
        (b"<!doctype html><script>1</script>", "but an HTML page; store one of"),
        (b" \n<svg xmlns='http://www.w3.org/2000/svg'/>", "but an SVG drawing"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>", "but an XML or HTML text"),
        (b"PK\3\4" + bytes(99), "but a zip archive"),
        (bytes(range(256)), "is not anything that browsers show$"),
        (b"caf\xe9," * 99, "is not anything that browsers show$"),
    ],
)
def test_what_they_do_not_show_is_named(data: bytes, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        recognized(data, ANY)


@pytest.mark.parametrize(
    ("accepted", "data", "problem"),
    [
        ({Medium.AUDIO, Medium.VIDEO}, PDF, "is not a sound or a video, but a PDF document; store one of AAC"),
        ({Medium.VIDEO}, wav(0.1), "is not a video, but a sound; store one of MP4, WebM"),
        ({Medium.TEXT}, mp4(), "is not a text, but a video"),
        ({Medium.PDF}, image_bytes(), "is not a PDF document, but a PNG image"),
        ({Medium.AUDIO}, b"hello", "is not a sound, but a text"),
    ],
)
def test_what_the_interface_does_not_show_is_refused(accepted: set[Medium], data: bytes, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        recognized(data, frozenset(accepted))


def test_an_image_is_one_only_where_images_are_accepted() -> None:
    assert is_image(image_bytes(), ANY)
    assert is_image(CSV, frozenset({Medium.IMAGE}))  # whose checks say what it is
    assert not is_image(image_bytes(), frozenset({Medium.AUDIO}))


def in_lines(text: bytes, line: int, gap: bytes) -> bytes:
    return gap.join(text[start : start + line] for start in range(0, len(text), line))


@given(
    data=st.binary(min_size=900, max_size=2000),
    line=st.sampled_from([0, 4, 60, 64, 76, 400]),
    gap=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    around=st.sampled_from(
        [(b"", b""), (b"data:video/mp4;base64,", b""), (b"\xef\xbb\xbf'", b"'\r\n"), (b" \n", b"\0;")]
    ),
    is_padded=st.booleans(),
    is_url_safe=st.booleans(),
    cut=st.tuples(st.integers(0, 1999), st.integers(1, 2000)),
)
def test_parts_of_base64_are_where_counting_says(
    data: bytes,
    line: int,
    gap: bytes,
    around: tuple[bytes, bytes],
    is_padded: bool,
    is_url_safe: bool,
    cut: tuple[int, int],
) -> None:
    plain = base64.urlsafe_b64encode(data) if is_url_safe else base64.b64encode(data)
    plain = plain if is_padded else plain.rstrip(b"=")
    text = around[0] + (in_lines(plain, line, gap) if line else plain) + around[1]
    parts, start = parts_of_base64(text[:800], text[-256:], len(text))
    assert isinstance(parts, Base64Parts)
    assert parts.size == len(data)
    assert data.startswith(start[:500])
    first = min(cut[0], len(data) - 1)
    last = min(first + cut[1], len(data))
    [position, length] = [clause.value for clause in list(parts.select("x", first, last).clauses)[1:]]  # type: ignore[arg-type]
    assert parts.decode(text[position - 1 : position - 1 + length], first, last) == data[first:last]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:500] + b"\n" + text[500:],
        lambda text: text[:-100] + b"\n" + text[-100:],
        lambda text: text[:500] + b" " + text[500:],
        lambda text: text[:500] + b"\r\n" + text[500:700] + b"\n" + text[700:],
    ],
)
def test_lines_of_several_lengths_are_left_to_the_server(change: object) -> None:
    text = change(base64.b64encode(bytes(3000)))  # type: ignore[operator]
    parts, _ = parts_of_base64(text[:2000], text[-256:], len(text))
    assert isinstance(parts, ServerParts)


def test_a_line_that_is_found_later_is_noticed() -> None:
    parts = Base64Parts(head=0, characters=4000)
    with pytest.raises(IrregularError):
        parts.decode(b"A" * 39 + b"\n", 0, 30)
    with pytest.raises(IrregularError):
        parts.decode(b"A" * 39 + b"!", 0, 30)
    with pytest.raises(IrregularError):
        FileParts(10).decode(b"short", 0, 10)


@pytest.mark.parametrize("start", [b"<html>" * 100, b"\xff\xd8" * 100, b"A\0B\0" * 100])
def test_what_is_no_base64_is_refused(start: bytes) -> None:
    with pytest.raises(RowError, match="not base64"):
        parts_of_base64(start, start[-256:], 10_000)
