"""What one value of a column is, told by its first bytes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from polardb_bridge.choices import FieldKind, Packing
from polardb_bridge.table.columns import INTEGERS, TIMES
from polardb_bridge.table.fields import Field
from polardb_bridge.table.images.base64_text import first_bytes
from polardb_bridge.table.images.identify import image_format, other_kind
from polardb_bridge.table.unpacking import begin_unpacking

# In bytes, or in characters of texts.
READ_LENGTH = 512
# An OLE header, such as Northwind's, stands before the picture.
_MAX_HEADER_BYTES = 256
# A few zeros are enough to look like the beginning of one: only at the very start they tell something.
_WEAK_FORMAT = "ICO"
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_FEW_BYTES = 32
_CUT_OFF = 8
_ADDRESS = r"(?:https?://|s3://|gs://|//)[^\s<>,\"]+"
_ADDRESSES = re.compile(rf"(?:{_ADDRESS}\s*,\s*)+(?:{_ADDRESS})?")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Sample:
    """what: in words. format: of a picture. how: what stands around it, in words.

    kind: how a field of tasks would be read from it; None if it cannot. skipped, packing: as `fields.Field`.
    """

    what: str
    kind: FieldKind | None = None
    format: str = ""
    skipped: int = 0
    packing: Packing | None = None

    @property
    def how(self) -> str:
        skipped = f" behind {self.skipped} other bytes" if self.skipped else ""
        return f"{skipped}, packed ({self.packing})" if self.packing else skipped

    def field(self, column: str) -> Field | None:
        return Field(column, self.kind, skipped=self.skipped, packing=self.packing) if self.kind else None

    def is_read_like(self, other: Sample) -> bool:
        """Whether both are read in one way; what cannot be read is what it is called."""
        mine, others = ((each.what, each.kind, each.skipped, each.packing) for each in (self, other))
        return mine == others


def by_type(type_name: str) -> tuple[str, FieldKind | None]:
    """What a column of this type holds, in words, and how it is read, if the type alone tells."""
    if type_name in INTEGERS | {"decimal", "float", "double", "year"}:
        return "numbers", FieldKind.NUMBER
    if type_name in TIMES | {"date"}:
        return "times", FieldKind.DATETIME
    return ("times", FieldKind.TEXT) if type_name == "time" else (f"{type_name} values", None)


def look_at(value: bytes, *, is_text: bool) -> Sample:
    """What a value is by its first bytes. is_text: its column is one of texts."""
    if found := image_format(value[:32]):
        return Sample("pictures", FieldKind.BYTES, found)
    if found := image_format(first_bytes(value)):
        several = _has_more(value)
        return Sample("lists of pictures" if several else "pictures", _pictures(several), found)
    if is_text:
        return _text(value)
    if found_inside := _packed(value) or _behind_a_header(value):
        return found_inside
    other = other_kind(value)
    is_text = bool(value) and other in (None, "a text", "a JSON text") and _is_readable(value)
    return _text(value) if is_text else Sample(other or "bytes")


def _pictures(several: bool) -> FieldKind:
    return FieldKind.BASE64S if several else FieldKind.BASE64


def _has_more(value: bytes) -> bool:
    """Whether another text of base64 begins behind the first, as far as the value was read."""
    return bool(re.search(rb"(?<!;base64),", value))


def _packed(value: bytes) -> Sample | None:
    for packing in (Packing.GZIP, Packing.MYSQL, Packing.DEFLATE):  # the last has no mark of its own
        start = begin_unpacking(packing, value)
        if found := image_format(start[:32]) if len(start) >= _FEW_BYTES else None:
            return Sample("pictures", FieldKind.BYTES, found, packing=packing)
        if len(start) >= _FEW_BYTES and image_format(first_bytes(start)):
            return Sample("pictures", FieldKind.BASE64, image_format(first_bytes(start)) or "", packing=packing)
        if start and _is_readable(start) and (packing is not Packing.DEFLATE or _is_deflated(value, start)):
            inner = _text(start)
            return Sample(inner.what, inner.kind, packing=packing)
    return None


def _is_deflated(value: bytes, start: bytes) -> bool:
    """Whether `start` is more than random bytes unpack to now and then: that is short, or a few characters repeated."""
    has_frame = len(value) > 1 and value[0] & 0x0F == 8 and int.from_bytes(value[:2], "big") % 31 == 0  # RFC 1950
    return len(start) >= _FEW_BYTES and (has_frame or len(set(start)) >= _FEW_BYTES // 2)


def _is_readable(start: bytes) -> bool:
    """Whether these are the first bytes of a text in UTF-8: its last character may be cut off."""
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:
            return False
        text = start[: error.start].decode()
    return not _CONTROL.search(text)


def _behind_a_header(value: bytes) -> Sample | None:
    for start in range(1, min(_MAX_HEADER_BYTES, len(value))):
        found = image_format(value[start : start + 32])
        if found and found != _WEAK_FORMAT and (found != "BMP" or _is_bmp(value[start:])):
            return Sample("pictures", FieldKind.BYTES, found, skipped=start)
    return None


def _is_bmp(data: bytes) -> bool:
    """Two letters and some zeros are not enough; the size of the second header tells."""
    return int.from_bytes(data[14:18], "little") in _BMP_HEADER_SIZES


def _text(value: bytes) -> Sample:
    text = value.decode(errors="replace")
    plain = text.strip()
    if not plain:
        return Sample("empty text")
    if plain[:1] in "[{" and _begins_json(text):
        return _json(plain)
    several = _ADDRESSES.match(plain)
    # What was cut off may end within the beginning of an address.
    if several and len(plain) - several.end() <= (_CUT_OFF if len(text) >= READ_LENGTH else 0):
        return Sample("lists of addresses", FieldKind.URLS)
    if re.fullmatch(rf"{_ADDRESS}(?:,[^\s<>]*)?", plain):
        return Sample("addresses", FieldKind.URL)
    return Sample("text", FieldKind.TEXT)


def _json(text: str) -> Sample:
    """The first item tells what an array holds: the others may be cut off."""
    first = re.match(r'\[\s*"((?:[^"\\]|\\.)*)', text)
    item = first[1].replace("\\/", "/") if first else ""
    if found := image_format(first_bytes(item.encode())):
        return Sample("lists of pictures", FieldKind.BASE64S, found)
    if re.fullmatch(_ADDRESS, item):
        return Sample("lists of addresses", FieldKind.URLS)
    return Sample("JSON", FieldKind.JSON)


def _begins_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        # What was cut off ends within a string, or where more was to come.
        is_cut = len(text) >= READ_LENGTH
        return is_cut and (error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"))
    except RecursionError:
        return False
    return True
