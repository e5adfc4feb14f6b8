from __future__ import annotations

import io
import random
import tempfile
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from polardb_bridge.errors import RowError
from polardb_bridge.table.images import convert
from polardb_bridge.table.images.decode import (
    DecodedImage,
    check_image,
    data_uri,
    decode_image,
    shown_file,
    shown_image,
)
from support.images import DAMAGED, ODD, WHOLE, bomb, photo, without_middle
from support.mutations import read_mutations
from support.source_data import base64_text


@pytest.mark.parametrize("name", WHOLE | ODD)
def test_what_browsers_show_becomes_a_task_as_it_is(name: str) -> None:
    data = (WHOLE | ODD)[name]
    decoded = decode_image(base64_text(data))
    assert decoded.data == data
    assert data_uri(base64_text(data)) == f"data:{decoded.media_type};base64,{base64_text(data)}"
    assert check_image(data) == decoded.media_type


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_that_is_cut_off_is_not_taken_for_whole(name: str, part: float) -> None:
    data = WHOLE[name]
    with pytest.raises(RowError, match=r"truncated|damaged"):
        check_image(data[: max(32, int(len(data) * part))])


def test_a_jpeg_without_its_end_marker_or_half_of_it_is_whole() -> None:
    """Whatever its last byte is: pixels of grey pictures often end in a zero."""
    last = set()
    for number in range(60):
        file = io.BytesIO()
        size = (100 + number, 80 + number // 2)
        noise = Image.frombytes("L", size, random.Random(number).randbytes(size[0] * size[1]))  # noqa: S311
        noise.convert("RGB").save(file, "JPEG", quality=85, progressive=number % 2 == 1)
        data = file.getvalue()
        last.add(data[-3] == 0)
        for whole in (data[:-2], data[:-1]):
            assert check_image(whole) == "image/jpeg", (number, whole[-4:])
        for cut in (data[:-40], data[:-40] + b"\xff", data[:-40] + b"\0" * 40, data[: len(data) // 2] + b"\0" * 4000):
            with pytest.raises(RowError):
                check_image(cut)
    assert last == {True, False}


@pytest.mark.parametrize("size", [(2000, 1500), (64, 48)])
def test_a_photo_that_a_text_column_has_cut_is_not_taken_for_whole(size: tuple[int, int]) -> None:
    """A TEXT column holds 65,535 characters; MySQL cuts what is longer unless its mode is strict."""
    for name, data in WHOLE.items():
        if name.startswith("JPEG"):
            large = photo(size=size) if name == "JPEG" else data
            text = base64_text(large)[:65_535]
            if len(text) == 65_535:
                with pytest.raises(RowError, match=r"truncated|one character too many"):
                    data_uri(text)
            else:
                assert data_uri(text).startswith("data:image/jpeg")


def outcome(judge: Callable[[Any], DecodedImage | str], image: Any) -> DecodedImage | str:
    try:
        return judge(image)
    except RowError as error:
        return str(error)


@pytest.mark.parametrize("name", WHOLE | ODD | DAMAGED)
def test_a_large_image_is_judged_in_its_file_as_in_memory(name: str) -> None:
    data = (WHOLE | ODD | DAMAGED)[name]
    for part in (data, data[: len(data) // 2]):
        with tempfile.TemporaryFile() as file:
            # In two parts, as images come: what is written last waits in the file's buffer, however short it is.
            file.write(part[:-3])
            file.flush()
            file.write(part[-3:])
            in_file = outcome(shown_file, file)
        in_memory = outcome(shown_image, part)
        assert in_file == (in_memory.media_type if isinstance(in_memory, DecodedImage) else in_memory)


def test_a_large_scan_is_converted() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(photo("TIFF"))
        shown = shown_file(file)
    assert isinstance(shown, DecodedImage)
    assert shown.media_type == "image/png"


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_named(name: str) -> None:
    with pytest.raises(RowError, match=r"damaged|truncated"):
        check_image(DAMAGED[name])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("size", [(160, 120), (1000, 701)])
def test_a_jpeg_without_its_middle_lacks_restart_markers(size: tuple[int, int], rows: int, mode: str) -> None:
    for options in ({"quality": 90}, {"quality": 90, "subsampling": 0}, {"progressive": True}):
        data = photo("JPEG", size, mode, restart_marker_rows=rows, **options)
        assert data_uri(base64_text(data)).startswith("data:image/jpeg")
        for part in (0.4, 0.7):
            with pytest.raises(RowError, match=r"damaged or truncated"):
                data_uri(base64_text(without_middle(data, part)))


@pytest.mark.parametrize("size", [(160, 120), (1000, 701)])
def test_a_progressive_jpeg_without_its_middle_lacks_scans(size: tuple[int, int]) -> None:
    data = photo("JPEG", size, progressive=True)
    for part in (0.6, 0.8):
        with pytest.raises(RowError, match=r"damaged or truncated"):
            data_uri(base64_text(without_middle(data, part)))


def test_a_file_without_content_is_empty() -> None:
    for data in (b"", photo()[:0]):
        with pytest.raises(RowError, match="base64_data is empty"):
            check_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF", "ICO", "TIFF"])
def test_what_is_damaged_is_named_by_its_format(kind: str) -> None:
    data = photo(kind)
    for part in (data[: len(data) // 2], data[:48]):
        with pytest.raises(RowError, match=rf"the {kind} image is damaged or truncated \(.+\)"):
            decode_image(base64_text(part))


def test_a_photo_of_a_phone_without_its_content_is_named_too() -> None:
    start = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    with pytest.raises(RowError, match=r"the HEIC image is damaged or truncated \(.+\)"):
        decode_image(base64_text(start + bytes(60)))


def test_the_format_comes_from_the_bytes() -> None:
    decoded = decode_image(f"data:text/html;base64,{base64_text(photo('GIF', mode='L'))}")
    assert decoded.media_type == "image/gif"


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "JPEG", "PNG"])
def test_an_image_that_claims_too_many_pixels_is_refused_before_it_takes_memory(kind: str) -> None:
    tracemalloc.start()
    with pytest.raises(RowError, match=r"too many pixels: [\d,]+ x [\d,]+, and the limit is [\d,]+"):
        decode_image(base64_text(bomb(kind)))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_large_photo_is_checked_without_decoding_its_pixels() -> None:
    buffer = io.BytesIO()
    Image.new("L", (9_000, 9_000)).save(buffer, "PNG", compress_level=1)
    assert check_image(buffer.getvalue()) == "image/png"


def test_images_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each can take 100 MB, and a page asks for many at once."""
    at_once, most = 0, 0
    counting = threading.Lock()
    load = Image.Image.load

    def counted(image: Image.Image) -> object:
        nonlocal at_once, most
        with counting:
            at_once += 1
            most = max(most, at_once)
        try:
            return load(image)
        finally:
            with counting:
                at_once -= 1

    from PIL import WebPImagePlugin

    monkeypatch.setattr(WebPImagePlugin.WebPImageFile, "load", counted)
    data = photo("WEBP", (1500, 1500))
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(check_image, [data] * 16)) == {"image/webp"}
    assert most == 1


@pytest.mark.parametrize(("mode", "shown"), [("RGB", "RGB"), ("1", "1"), ("L", "L"), ("CMYK", "RGB"), ("P", "P")])
def test_tiff_is_shown_as_png_without_loss(mode: str, shown: str) -> None:
    stored = photo("TIFF", mode=mode)
    image = shown_image(stored)
    assert image.media_type == "image/png"
    assert check_image(stored) == "image/tiff"
    with Image.open(io.BytesIO(image.data)) as png, Image.open(io.BytesIO(stored)) as tiff:
        assert png.mode == shown
        assert png.convert("RGB").tobytes() == tiff.convert("RGB").tobytes()
    assert data_uri(base64_text(stored)) == f"data:image/png;base64,{base64_text(image.data)}"


def test_a_scan_stands_upright() -> None:
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    with Image.open(io.BytesIO(shown_image(photo("TIFF", (60, 40), exif=exif)).data)) as image:
        assert image.size == (40, 60)


def test_heic_is_shown_as_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), "red")).save(buffer)
    shown = shown_image(buffer.getvalue())
    assert shown.media_type == "image/jpeg"
    with Image.open(io.BytesIO(shown.data)) as image:
        assert image.size == (64, 48)
        red, green, blue = image.getpixel((30, 20))
        assert red > 200 > green + blue
    with pytest.raises(RowError, match="the HEIC image is damaged or truncated"):
        shown_image(buffer.getvalue()[:300])
    monkeypatch.setattr(convert, "pillow_heif", None)
    with pytest.raises(RowError, match=r"HEIC .* store JPEG, or install polardb-bridge\[heif\]"):
        shown_image(buffer.getvalue())


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?><svg/>", "an SVG drawing"),
        (b"\xef\xbb\xbf<!DOCTYPE html><p>not found", "an HTML page"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\0" * 128 + b"DICM", "a DICOM file"),
        (b"PK\3\4", "a zip archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isom", "a video (MP4"),
        (b"\x1aE\xdf\xa3", "a video (WebM"),
        (b"RIFF\0\0\0\0AVI LIST", "a video (AVI)"),
        (b"DDS |\0\0\0", "a DDS texture"),
        (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
        (photo("TGA"), "a TGA image"),
        (photo("TGA", mode="P"), "a TGA image"),
        (photo("TGA", mode="L", compression="tga_rle"), "a TGA image"),
        (photo("PCX"), "a PCX image"),
        (photo("PCX", mode="1"), "a PCX image"),
        (photo("ICNS"), "an Apple icon (ICNS)"),
        (photo("SGI"), "an SGI image"),
        (b"MZ\x90\0\3\0\0\0", "a program (EXE or DLL)"),
        (b"\x7fELF\2\1\1", "a program (ELF)"),
        (b"hello, I am a text", "a text"),
        (b'{"error": "not found"}', "a JSON text"),
    ],
)
def test_what_is_no_image_is_named(data: bytes, name: str) -> None:
    with pytest.raises(RowError) as caught:
        decode_image(base64_text(data))
    assert f"not an image, but {name}" in str(caught.value)
    assert "store one of AVIF" in str(caught.value)


def test_whatever_a_decoder_raises_is_the_rows_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError("x"), NotImplementedError(), MemoryError(), AssertionError("y"), UserWarning("z")):

        def fail(_: bytes, error: Exception = error) -> object:
            raise error

        from polardb_bridge.table.images import decode

        monkeypatch.setitem(decode._FORMATS, "PNG", decode._Format("image/png", fail))
        with pytest.raises(RowError, match="damaged or truncated"):
            check_image(WHOLE["PNG"])


def test_warnings_of_decoders_are_no_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in WHOLE.values():
            check_image(data)


def test_mutated_images_are_read_or_refused() -> None:
    """Many more by `make test-images`."""
    outcomes = read_mutations(seed=1, count=2_000)
    assert sum(outcomes.values()) == 2_000


@pytest.mark.parametrize("tags", [{254: 1}, {50706: b"\1\4\0\0"}])
def test_the_small_picture_in_a_raw_image_is_not_taken_for_it(tags: dict[int, Any]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12)).save(buffer, "TIFF", tiffinfo=tags)
    with pytest.raises(RowError, match="browsers do not show raw images of cameras; store JPEG"):
        shown_image(buffer.getvalue())
