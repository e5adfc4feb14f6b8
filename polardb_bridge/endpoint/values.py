"""Numbers and texts as MySQL's protocol writes them, and where a statement stands in its packet."""

from __future__ import annotations

import struct

_NULL = 0xFB
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
# Of query attributes: bytes by type. Other types begin with their length, in one byte (times) or as texts have it.
_FIXED = {0x01: 1, 0x02: 2, 0x0D: 2, 0x03: 4, 0x09: 4, 0x08: 8, 0x04: 4, 0x05: 8, 0x06: 0}
_TIMES = (0x07, 0x0A, 0x0B, 0x0C)


def packed_number(value: int) -> bytes:
    if value < _NULL:
        return bytes([value])
    if value < 1 << 16:
        return b"\xfc" + struct.pack("<H", value)
    if value < 1 << 24:
        return b"\xfd" + struct.pack("<I", value)[:3]
    return b"\xfe" + struct.pack("<Q", value)


def packed_text(value: bytes) -> bytes:
    return packed_number(len(value)) + value


def read_number(data: bytes, position: int) -> tuple[int | None, int]:
    """The number, None for NULL; and what follows it.

    Raises:
        ValueError: there is none.
    """
    if position >= len(data):
        raise ValueError("the packet ends too early")
    first = data[position]
    if first < _NULL:
        return first, position + 1
    if first == _NULL:
        return None, position + 1
    width = _WIDTHS.get(first, 0)
    end = position + 1 + width
    if not width or end > len(data):
        raise ValueError("the packet ends too early")
    return int.from_bytes(data[position + 1 : end], "little"), end


def read_text(data: bytes, position: int) -> tuple[bytes | None, int]:
    """The bytes, None for NULL; and what follows them.

    Raises:
        ValueError: there are not as many.
    """
    length, position = read_number(data, position)
    if length is None:
        return None, position
    if position + length > len(data):
        raise ValueError("the packet ends too early")
    return data[position : position + length], position + length


def query_text(payload: bytes) -> bytes:
    """The statement of a query that may have attributes before it; what cannot be read, as it is: the server will say.

    https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
    """
    try:
        return payload[_after_attributes(payload) :]
    except (ValueError, IndexError):
        return payload


def _after_attributes(payload: bytes) -> int:
    count, position = read_number(payload, 1)
    _, position = read_number(payload, position)  # of sets of them: 1
    if not count:
        return position
    nulls = payload[position : position + (count + 7) // 8]
    position += len(nulls) + 1  # and a flag that says that types follow
    types = []
    for _ in range(count):
        types.append(payload[position])
        _, position = read_text(payload, position + 2)
    for number, kind in enumerate(types):
        if nulls[number // 8] >> number % 8 & 1:
            continue
        if kind in _FIXED:
            position += _FIXED[kind]
        elif kind in _TIMES:
            position += 1 + payload[position]
        else:
            _, position = read_text(payload, position)
    return position
