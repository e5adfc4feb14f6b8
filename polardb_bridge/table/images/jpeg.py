"""Whether a JPEG file is whole: all its headers, and all its pixels.

The segments are walked as decoders do (ITU-T T.81, annex B), so that an end marker inside of one, such as that of a
thumbnail in an EXIF header, ends nothing.
"""

from __future__ import annotations

import hashlib
import io
import re

from PIL import Image

from polardb_bridge.table.images.limits import MAX_DECODED_PIXELS, Data, Size, check_size
from polardb_bridge.table.images.problems import (
    DamagedError,
    not_shown,
    without_all_pixels,
    without_pixels_inside,
)

_EOI, _SOS, _DRI = 0xD9, 0xDA, 0xDD
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
# Lossless, hierarchical and arithmetic coding, which the decoders of browsers do not know.
_UNSHOWN = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_RESTARTS = range(0xD0, 0xD8)
_WITHOUT_LENGTH = {0x00, 0x01, 0xD8, *_RESTARTS}
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_FILLINGS = (b"\x2a", b"\x55", b"\x93")


def check_jpeg(data: Data) -> None:
    """Check that `data` is a JPEG image with all of its pixels. An end marker may be missing, as browsers allow.

    If its end is there, a part that is missing before it is noticed where scans or restart markers went with it;
    otherwise only decoding all pixels would tell.

    Raises:
        DamagedError: it is damaged or truncated.
        RowError: it is too large, or of a kind that browsers do not show.
    """
    walk = _Walk(data)
    while (marker := walk.next_marker()) is not None and marker != _EOI:
        if marker == _SOS:
            walk.skip_scan()
    if not walk.scans:
        raise DamagedError("it ends before its pixels")
    if marker == _EOI:
        if not walk.has_all_scans or walk.lacks_restarts:
            raise without_pixels_inside()
        return
    if not walk.has_all_scans or walk.is_cut or not _pixels_are_settled(data[:], walk.size):
        raise without_all_pixels()


def is_whole(start: bytes, end: bytes) -> bool:
    """Whether a file with this start and end is a whole JPEG image; False if these do not tell.

    Raises:
        DamagedError, RowError: as `check_jpeg`, if the start tells.
    """
    if b"\xff\xd9" not in end:
        return False
    walk = _Walk(start)
    while (marker := walk.next_marker()) is not None:
        if marker == _SOS:
            # What is between several scans can be anything, and restart markers are counted over the whole file.
            return walk.has_all_scans and not walk.is_progressive and not walk.restart_interval
    return False


class _Walk:
    """One pass over the segments of a file.

    size: width and height. is_cut: a segment ends behind the end. restart_interval: after how many units of a scan a
    restart marker comes, 0 if none does. lacks_restarts: some are missing.
    """

    def __init__(self, data: Data) -> None:
        self._data = data
        self._position = 2
        self._unstuffed = b""
        # By component, how often it is sampled across and down.
        self._samplings: dict[int, tuple[int, int]] = {}
        self._units = 0  # of the last scan
        # By component and coefficient, how many of its lowest bits no scan has brought yet.
        self._missing_bits: dict[tuple[int, int], int] = {}
        self.size: Size = (0, 0)
        self.is_progressive = False
        self.is_cut = False
        self.restart_interval = 0
        self.lacks_restarts = False
        self.scans = 0

    @property
    def has_all_scans(self) -> bool:
        return not any(self._missing_bits.values())

    def next_marker(self) -> int | None:
        """Go over the next segment; its marker, None at the end of the data."""
        data = self._data
        while (position := data.find(b"\xff", self._position)) >= 0 and position + 1 < len(data):
            marker = data[position + 1]
            self._position = position + (1 if marker == 0xFF else 2)
            if marker == 0xFF or marker in _WITHOUT_LENGTH:
                continue
            if marker != _EOI:
                self._read_segment(marker)
            return None if self.is_cut else marker
        return None

    def _read_segment(self, marker: int) -> None:
        length = int.from_bytes(self._data[self._position : self._position + 2], "big")
        segment = self._data[self._position + 2 : self._position + length]
        self.is_cut = length < 2 or len(segment) < length - 2
        self._position += length
        if self.is_cut:
            return
        if marker in _UNSHOWN:
            raise not_shown("this kind of JPEG image (lossless, arithmetic)", "store the usual kind")
        try:
            if marker in (_BASELINE, _EXTENDED, _PROGRESSIVE):
                self._read_frame(marker, segment)
            elif marker == _SOS:
                self._read_scan(segment)
            elif marker == _DRI:
                self.restart_interval = segment[0] << 8 | segment[1]
        except (IndexError, ValueError):
            raise DamagedError("a header is too short") from None

    def _read_frame(self, marker: int, segment: bytes) -> None:
        if segment[0] != 8:
            raise not_shown(f"JPEG images of {segment[0]} bits", "store one of 8 bits")
        self.size = (int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big"))
        check_size(self.size)
        self.is_progressive = marker == _PROGRESSIVE
        each = [segment[start : start + 2] for start in range(6, 6 + 3 * segment[5], 3)]
        self._samplings = {component: (sampling >> 4 or 1, sampling & 15 or 1) for component, sampling in each}
        coefficients = range(64) if self.is_progressive else range(1)
        self._missing_bits = {(component, number): 14 for component in self._samplings for number in coefficients}

    def _read_scan(self, segment: bytes) -> None:
        if not self._samplings:
            raise DamagedError("its pixels come before its size")
        self.scans += 1
        count = segment[0]
        first, last, bits = segment[1 + 2 * count], segment[2 + 2 * count], segment[3 + 2 * count] & 15
        if not self.is_progressive:
            first, last, bits = 0, 0, 0
        components = [segment[1 + 2 * number] for number in range(count)]
        for component in components:
            for coefficient in range(first, last + 1):
                self._missing_bits[component, coefficient] = bits
        self._units = self._units_of(components)

    def _units_of(self, components: list[int]) -> int:
        """How many units a scan of these components has: of one, its blocks; of several, what they share (A.2)."""
        widest, highest = (max(counts) for counts in zip(*self._samplings.values(), strict=True))
        width, height = self.size
        if len(components) > 1:
            across, down = 1, 1
        else:
            across, down = self._samplings.get(components[0], (1, 1))
        return int(-(-width * across // (8 * widest)) * -(-height * down // (8 * highest)))

    def skip_scan(self) -> None:
        """Go to the marker after the pixels of a scan."""
        data, start = self._data, self._position
        if self.has_all_scans and not self.is_progressive:
            # Pixels hold no end marker: what looks like one is one.
            position = data.find(b"\xff\xd9", self._position)
        else:
            # Without stuffed zeros, what is found is a marker: far fewer steps than one for each of them.
            self._unstuffed = self._unstuffed or data[:].replace(b"\xff\0", b"\0\0")
            position = self._unstuffed.find(b"\xff", self._position)
            while 0 <= position < len(data) - 1 and data[position + 1] in _RESTARTS:
                position = self._unstuffed.find(b"\xff", position + 2)
        self._position = position if position >= 0 else len(data)
        if self.restart_interval:
            found = sum(1 for _ in _RESTART.finditer(data, start, self._position))
            self.lacks_restarts |= found < (self._units - 1) // self.restart_interval


def _pixels_are_settled(data: bytes, size: Size) -> bool:
    """Whether what comes after the data would change no pixel: they are all there, and only the end is missing.

    Decoders fill what is missing with grey and say nothing. So different fillings are tried.
    """
    check_size(size, MAX_DECODED_PIXELS)
    # Half of an end marker tells nothing. Zeros behind the pixels would fill what is missing; one or two can be pixels.
    data = data.removesuffix(b"\xff")
    data = data[: len(data.rstrip(b"\0")) + 2]
    pictures = {_digest_of_pixels(data + _tail(filling)) for filling in _FILLINGS}
    return len(pictures) == 1


def _tail(filling: bytes) -> bytes:
    # Pixels that are missing since a restart marker begin with the next one, whichever that is.
    restarts = b"".join(b"\xff" + bytes([0xD0 + number % 8]) + filling * 32 for number in range(16))
    return filling * 64 + restarts + b"\xff\xd9"


def _digest_of_pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.load()
        return hashlib.sha256(image.tobytes()).digest()
