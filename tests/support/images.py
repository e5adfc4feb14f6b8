"""Image files in all states of health, made here."""

from __future__ import annotations

import io
import struct
import zlib
from random import Random
from typing import Any

from PIL import Image


def photo(kind: str = "JPEG", size: tuple[int, int] = (160, 120), mode: str = "RGB", **options: Any) -> bytes:
    """A picture in which every part differs from every other."""
    image = Image.effect_noise(size, 60).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_thumbnail(jpeg: bytes) -> bytes:
    """With an EXIF header that holds a small JPEG image, with an end marker of its own."""
    inside = b"Exif\0\0" + photo(size=(64, 48))
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside + jpeg[2:]


def chunk(kind: bytes, data: bytes, *, wrong: bool = False) -> bytes:
    """A chunk of PNG, with a wrong checksum if so asked."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) ^ wrong)


def with_chunk(png: bytes, added: bytes) -> bytes:
    """With another chunk behind the header."""
    return png[:33] + added + png[33:]


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def interlaced_png() -> bytes:
    """64 x 64 grey pixels in the seven passes of Adam7."""
    passes = [(8, 8), (8, 8), (16, 8), (16, 16), (32, 16), (32, 32), (64, 32)]
    lines = b"".join(
        b"\0" + photo("BMP", (columns, 1), "L")[-columns:] for columns, rows in passes for _ in range(rows)
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def bitmap(compression: int, depth: int, width: int = 9, height: int = -5) -> bytes:
    """A BMP image whose colours are told by masks if `compression` is 3 or 6."""
    pixels = bytes(range(255, 0, -1))[: (width * depth + 31) // 32 * 4 * abs(height)]
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, len(pixels), 0, 0, 0, 0)
    masks = {0: b"", 3: struct.pack("<III", 0xF800, 0x7E0, 0x1F), 6: struct.pack("<IIII", 0x7C00, 0x3E0, 0x1F, 0x8000)}
    start = 14 + len(header) + len(masks[compression])
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + masks[compression] + pixels


def without_middle(data: bytes, part: float = 0.3) -> bytes:
    """Start and end of a file, without `part` of it in the middle."""
    lost = int(len(data) * part)
    start = (len(data) - lost) // 2
    return data[:start] + data[start + lost :]


def bomb(kind: str) -> bytes:
    """A few bytes that claim some hundred million pixels."""
    if kind == "WEBP":
        content = b"\x2f" + struct.pack("<I", 16382 | 16382 << 14) + b"\0" * 8
        chunks = b"WEBPVP8L" + struct.pack("<I", len(content)) + content + b"\0"
        return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
    if kind == "GIF":
        size = struct.pack("<HH", 65535, 65535)
        return b"GIF89a" + size + b"\0\0\0,\0\0\0\0" + size + b"\0\x08\0;"
    if kind == "BMP":
        return bitmap(0, 24, 30_000, 30_000)
    if kind == "JPEG":
        whole = bytearray(photo())
        frame = whole.index(b"\xff\xc0")
        whole[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
        return bytes(whole)
    return png_header(60_000, 60_000) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


JPEG, PROGRESSIVE, RESTARTS = photo(), photo(progressive=True), photo(restart_marker_rows=1)
PNG, BMP, AVIF = photo("PNG"), photo("BMP", (21, 8)), photo("AVIF")
# What browsers show, all of it.
WHOLE = {
    "JPEG": JPEG,
    "JPEG, progressive": PROGRESSIVE,
    "JPEG, grey": photo(mode="L"),
    "JPEG of print": photo(mode="CMYK"),
    "JPEG with restart markers": RESTARTS,
    "JPEG with a thumbnail": with_thumbnail(JPEG),
    "JPEG, progressive, with a thumbnail": with_thumbnail(PROGRESSIVE),
    "PNG": PNG,
    "PNG, one bit": photo("PNG", mode="1"),
    "PNG of a palette": photo("PNG", mode="P"),
    "PNG with alpha": photo("PNG", mode="RGBA"),
    "PNG, interlaced": interlaced_png(),
    "PNG with much text": with_chunk(PNG, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 3_000_000))),
    "PNG with a large profile": with_chunk(PNG, chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(3_000_000)))),
    "GIF": photo("GIF", mode="L"),
    "WEBP": photo("WEBP"),
    "WEBP without loss": photo("WEBP", lossless=True),
    "BMP": photo("BMP"),
    "BMP of a palette": photo("BMP", mode="P"),
    "BMP whose lines are filled up": BMP,
    "BMP of bit fields": bitmap(3, 16),
    "BMP of bit fields with alpha": bitmap(6, 16),
    "AVIF": AVIF,
    "ICO": photo("ICO", (64, 64)),
}
# The same, but for what browsers get over.
ODD = {
    "JPEG with another file behind it": JPEG + JPEG[:500],
    "JPEG with zeros behind it": JPEG + b"\0" * 70_000,
    "JPEG without its end": JPEG[:-2],
    "JPEG without its end, progressive": PROGRESSIVE[:-2],
    "JPEG without its end, with restart markers": RESTARTS[:-2],
    "JPEG without its end, with a thumbnail": with_thumbnail(JPEG)[:-2],
    "AVIF with another file behind it": AVIF + JPEG,
    "AVIF with a few bytes behind it": AVIF + b"\r\n",
    "AVIF with zeros behind it": AVIF + bytes(100),
    "BMP without the byte that fills its last line": BMP[:-1],
    "PNG with a wrong checksum of a text": with_chunk(PNG, chunk(b"tEXt", b"a\0b", wrong=True)),
    "PNG without its end": PNG[:-12],
    "PNG cut inside of its end": PNG[:-3],
    "PNG cut inside of a text behind its pixels": PNG[:-12] + chunk(b"tEXt", b"a\0" + b"b" * 500)[:300],
}
# What shows fewer pixels than it has, or none.
DAMAGED = {
    "PNG with a wrong checksum of its pixels": PNG.replace(PNG[-16:-12], b"\0\0\0\0"),
    "PNG without pixels": png_header(4, 4) + chunk(b"IEND", b""),
    "PNG of an unknown kind": with_chunk(PNG, chunk(b"ABCD", b"1")),
    "PNG of an unknown depth": png_header(4, 4, 3, 2) + chunk(b"IDAT", zlib.compress(bytes(90))) + chunk(b"IEND", b""),
    "JPEG without pixels": JPEG[: JPEG.index(b"\xff\xda")] + b"\xff\xd9",
    "JPEG cut and filled with zeros": JPEG[: len(JPEG) // 2] + b"\0" * 5000,
    "JPEG without its middle, with restart markers": without_middle(RESTARTS),
    "JPEG without its middle, progressive": without_middle(PROGRESSIVE, 0.6),
    "BMP without its last pixel": BMP[:-2],
    "AVIF without its middle": without_middle(AVIF),
    "JPEG cut at a restart marker": RESTARTS[: RESTARTS.rindex(b"\xff\xd3")],
}


def mutated(data: bytes, chance: Random) -> bytes:
    """`data` with some bits, bytes or parts changed, lost, added or exchanged."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed)) if changed else 0
        length = chance.choice((1, 2, 4, 64, len(changed) // 3))
        match chance.randrange(6):
            case 0:
                changed[at : at + 1] = bytes([changed[at] ^ 1 << chance.randrange(8)]) if changed else b""
            case 1:
                changed[at : at + length] = chance.randbytes(length)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = chance.randbytes(length)
            case 4:
                del changed[at:]
            case _:
                other = chance.randrange(len(changed)) if changed else 0
                changed[at : at + length] = changed[other : other + length]
    return bytes(changed)
