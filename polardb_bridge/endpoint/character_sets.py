"""MySQL's character sets that clients talk in, as Python calls them, and the numbers of their collations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CharacterSet:
    """codec: Python's name. collation: the number of the one that columns of a result are said to have."""

    codec: str
    collation: int

    def encode(self, text: str) -> bytes:
        """`text`, with `?` for what this set lacks, as servers do it."""
        return text.encode(self.codec, "replace")


UTF8 = CharacterSet("utf-8", 45)
_KNOWN = {
    "utf8mb4": UTF8,
    "utf8mb3": CharacterSet("utf-8", 33),
    "utf8": CharacterSet("utf-8", 33),
    "binary": CharacterSet("utf-8", 63),
    "latin1": CharacterSet("cp1252", 8),
    "ascii": CharacterSet("ascii", 11),
    "gbk": CharacterSet("gbk", 28),
    "gb2312": CharacterSet("gb2312", 24),
    "gb18030": CharacterSet("gb18030", 248),
    "big5": CharacterSet("big5", 1),
    "ucs2": CharacterSet("utf-16-be", 35),
    "utf16": CharacterSet("utf-16-be", 54),
    "utf32": CharacterSet("utf-32-be", 60),
}
# Nothing but ASCII is sure to be the same in the others.
_OTHERS = CharacterSet("ascii", 11)


def character_set(name: str) -> CharacterSet:
    """The set that a session calls by this name; empty: none, and texts are sent as they are."""
    return _KNOWN.get(name.lower(), _OTHERS) if name else UTF8
