"""Small files as tables hold them: sound, film, measurements, and pictures in a wrapping of their own."""

from __future__ import annotations

import io
import wave

from support.source_data import image_bytes

# What Access puts before a picture that was pasted into a column: an OLE object of the program Paint, of 78 bytes.
_OLE_HEADER = (
    bytes.fromhex("151c2f00 02000000 0d000e00 14002100 ffffffff")
    + b"Bitmap Image\0Paint.Picture\0"
    + bytes.fromhex("01050000 02000000 07000000")
    + b"PBrush\0"
    + bytes.fromhex("00000000 00000000 a0290000")
)
# The beginning of a film of no pictures: an EBML header, and a segment of unknown size.
_WEBM = (
    bytes.fromhex("1a45dfa3 9f 42868101 42f78101 42f28104 42f38108 428284")
    + b"webm"
    + bytes.fromhex("42878104 42858102 18538067 01ffffffffffffff")
)


def in_ole(color: str) -> tuple[bytes, bytes]:
    """A picture as Northwind has it, and the picture alone."""
    picture = image_bytes("BMP", color=color)
    return _OLE_HEADER + picture, picture


def sound(tone: int) -> bytes:
    """A tenth of a second in the format WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(128 + (30 if number // tone % 2 else -30) for number in range(800)))
    return buffer.getvalue()


def film(number: int) -> bytes:
    """What every program takes for a WebM; number: to tell films apart."""
    return _WEBM + bytes([0xEC, 0x81, number])  # an element that is void


def measurements(*values: float) -> bytes:
    lines = ["time,value", *(f"{second},{value}" for second, value in enumerate(values))]
    return ("\n".join(lines) + "\n").encode()
