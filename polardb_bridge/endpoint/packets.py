"""Packets of MySQL's protocol: three bytes of length, one of sequence, the payload.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

HEADER_LENGTH = 4
# A payload of this length goes on in the next packet.
MAX_PAYLOAD_LENGTH = 0xFFFFFF

OK, EOF, ERROR = 0x00, 0xFE, 0xFF


def header(length: int, sequence: int) -> bytes:
    return struct.pack("<I", length | (sequence & 0xFF) << 24)


def read_header(data: bytes | bytearray, position: int = 0) -> tuple[int, int]:
    """Length of the payload, and sequence number."""
    value = int.from_bytes(data[position : position + HEADER_LENGTH], "little")
    return value & 0xFFFFFF, value >> 24


def framed(payloads: Iterable[bytes], sequence: int = 1) -> bytes:
    """Packets of these payloads, numbered from `sequence`; a long one takes several."""
    parts = []
    for payload in payloads:
        for start in range(0, len(payload) + 1, MAX_PAYLOAD_LENGTH):
            part = payload[start : start + MAX_PAYLOAD_LENGTH]
            parts += [header(len(part), sequence), part]
            sequence += 1
    return b"".join(parts)


class PacketReader:
    """Takes a stream of bytes apart into packets.

    max_length: what it holds of packets that are not complete yet.
    """

    def __init__(self, max_length: int) -> None:
        self._max_length = max_length
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are complete now.

        Raises:
            ValueError: a packet is longer than this reader takes.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER_LENGTH:
            length, _ = read_header(self._buffer)
            if length > self._max_length:
                raise ValueError(f"a packet of {length} bytes")
            end = HEADER_LENGTH + length
            if len(self._buffer) < end:
                return
            payload, self._buffer = self._buffer[HEADER_LENGTH:end], self._buffer[end:]
            yield payload


def error_payload(code: int, sqlstate: str, message: str) -> bytes:
    """An error in MySQL's form."""
    return struct.pack("<BH", ERROR, code) + b"#" + sqlstate.encode() + message.encode()
