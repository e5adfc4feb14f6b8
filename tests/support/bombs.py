"""Image files of some bytes that stand for gigabytes of pixels."""

from __future__ import annotations

import io
import struct
import sys
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path

from PIL import Image

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.decode import decode_image
from polardb_bridge.table.preview import make_thumbnail
from support.source_data import base64_text

# Pillow itself refuses more than some 13,377 pixels square, after its decoder has taken the memory.
SIDE = 13_000


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _riff(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in parts
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _encoded(kind: str, size: tuple[int, int] = (8, 8), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB" if kind != "GIF" else "P", size).save(buffer, kind, **options)
    return buffer.getvalue()


def _png(side: int) -> bytes:
    """All of its pixels are there."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    pixels = b"".join([packer.compress(bytes(1 + side)) for _ in range(side)] + [packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _lossless_webp(side: int) -> tuple[bytes, bytes]:
    bits = (side - 1) | (side - 1) << 14
    return b"VP8L", b"\x2f" + struct.pack("<I", bits) + b"\x88\x88\x08\x00\x00\x00\x00\x00\x00"


def _animated_webp(side: int) -> bytes:
    size = struct.pack("<I", side - 1)[:3]
    frame = b"\0" * 6 + size + size + b"\x64\0\0\0" + b"VP8L" + struct.pack("<I", 14) + _lossless_webp(side)[1]
    return _riff((b"VP8X", b"\x02\0\0\0" + size + size), (b"ANIM", b"\0" * 6), (b"ANMF", frame))


def bombs(side: int = SIDE) -> dict[str, bytes]:
    """side: of a square, as far as it matters to a format."""
    gif = bytearray(_encoded("GIF"))
    gif[6:10] = struct.pack("<HH", side, side)
    bmp = bytearray(_encoded("BMP"))
    bmp[18:26] = struct.pack("<ii", side, side)
    bmp[30:34] = struct.pack("<I", 1)  # run lengths
    bmp[28:30] = struct.pack("<H", 8)
    jpeg = bytearray(_encoded("JPEG"))
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 5 : start + 9] = struct.pack(">HH", SIDE, SIDE)
    avif = _encoded("AVIF")
    first = avif.index(b"ispe") + 8
    large = avif[:first] + struct.pack(">II", side, side) + avif[first + 8 :]
    return {
        "webp": _riff(_lossless_webp(side)),
        "animated webp": _animated_webp(side),
        "gif": bytes(gif),
        "bmp of run lengths": bytes(bmp),
        "jpeg": bytes(jpeg),
        "jpeg without its end": bytes(jpeg).replace(b"\xff\xd9", b""),
        "avif": large,
        "png": _png(SIDE),
        "png of nothing": b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)),
    }


def _peak_mb() -> int:
    """Of this process, ever."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def _show(text: str) -> None:
    with suppress(RowError):
        make_thumbnail(decode_image(text))


def main() -> None:
    """Show each, then the largest that are decoded, at once: prints seconds of work and MB that each took, as CSV."""
    texts = {name: base64_text(data) for name, data in bombs().items()}
    crowd = [base64_text(_encoded("GIF", (3_870, 3_870))), base64_text(_encoded("WEBP", (3_870, 3_870)))] * 2
    before = _peak_mb()
    for name, text in texts.items():
        started = time.process_time()
        _show(text)
        sys.stdout.write(f"{name},{time.process_time() - started:.2f},{_peak_mb() - before}\n")
    started = time.process_time()
    threads = [threading.Thread(target=_show, args=(text,)) for text in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"many at once,{time.process_time() - started:.2f},{_peak_mb() - before}\n")


if __name__ == "__main__":
    main()
