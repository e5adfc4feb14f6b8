"""Characters that people did not mean to type: invisible ones from web pages, full-width ones of input methods."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# Zero-width characters, joiners, marks of direction, byte order mark: none of them is a blank to Python.
_INVISIBLE = (
    "\u00ad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_JOINERS = "\u200c\u200d"
_VARIATIONS = "\ufe0e\ufe0f"
_LAST_LATIN = "\u024f"
_QUOTES = {"‘": "'", "’": "'", "“": '"', "”": '"', "、": ",", "。": "."}


# Unicode's Default_Ignorable_Code_Point, and a blank of Braille: nothing is drawn for them, and some are letters.
_NEVER_DRAWN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# What orders others: letters and digits of scripts that are written from right to left, and marks of direction.
_ORDERING = ("R", "AL", "AN", "LRE", "LRO", "RLE", "RLO", "LRI", "RLI", "FSI", "PDF", "PDI")


def is_seen(character: str) -> bool:
    """Whether people see a character, or the gap that it makes, and it orders no others."""
    return character.isprintable() and not _NEVER_DRAWN.match(character)


def escaped(text: str, is_kept: Callable[[str], bool] = is_seen) -> str:
    """`text` with escapes for characters that are not kept; by default a name for a list, which orders no line."""
    return "".join(each if is_kept(each) else each.encode("unicode_escape").decode("ascii") for each in text)


def isolated(text: str) -> str:
    """`text`, so that words from right to left leave a line around it as it is, where no element can (`bdi`)."""
    orders = any(unicodedata.bidirectional(each) in _ORDERING for each in text)
    return f"\u2068{text}\u2069" if orders else text


def is_blank(character: str) -> bool:
    """Whether a character separates words, as a space does."""
    return character.isspace() or character in _INVISIBLE


def look_alike(text: str) -> tuple[str, str] | None:
    """The first full-width character of `text`, as Chinese input methods type them, and the one that was meant."""
    for character in text:
        if character in _QUOTES:
            return character, _QUOTES[character]
        if "\uff01" <= character <= "\uff5e":
            return character, chr(ord(character) - 0xFEE0)
    return None


def invisible(text: str) -> str | None:
    """The first character of `text` that nobody sees, or takes for a space, in words; None if there is none."""
    for character in text:
        if character in _INVISIBLE or (character.isspace() and not character.isascii()):
            return f"U+{ord(character):04X} ({unicodedata.name(character, 'without a name').lower()})"
    return None


def appearance(text: str) -> str:
    """What people see of a text: two texts that give the same cannot be told apart by looking at them.

    Joiners count only where they can join, between letters that are not Latin and in emoji.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = []
    for place, character in enumerate(composed):
        around = composed[place - 1 : place] + composed[place + 1 : place + 2]
        joins = character in _JOINERS and len(around) == 2 and min(around) > _LAST_LATIN
        if joins or character not in _INVISIBLE + _VARIATIONS:
            kept.append(character)
    return " ".join("".join(kept).split())
