"""Small sounds, videos and documents, made here."""

from __future__ import annotations

import io
import math
import struct
import wave

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
CSV = b"time,value\n" + b"".join(b"%d,%d\n" % (second, second * second) for second in range(20))


def wav(seconds: float = 1.0, rate: int = 8000) -> bytes:
    """A tone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        count = int(seconds * rate)
        # One period over and over: the tone is 440 Hz, nearly.
        period = [int(8000 * math.sin(2 * math.pi * n * 440 / rate)) for n in range(rate // 40)]
        frames = struct.pack(f"<{len(period)}h", *period)
        file.writeframes((frames * (count // len(period) + 1))[: 2 * count])
    return buffer.getvalue()


def mp4(size: int = 400, brand: bytes = b"isom", compatible: bytes = b"isomiso2avc1mp41") -> bytes:
    """What begins as a video does, and is none."""
    kinds = brand + struct.pack(">I", 512) + compatible
    start = struct.pack(">I", 8 + len(kinds)) + b"ftyp" + kinds + struct.pack(">I4sI4s", 8, b"free", size, b"mdat")
    return start + bytes(max(0, size - len(start)))
