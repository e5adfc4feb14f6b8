"""Words, strings and signs of a statement, as MySQL separates them.

https://dev.mysql.com/doc/refman/8.4/en/string-literals.html, …/identifiers.html, …/comments.html; unlike MySQL's, a
plain name may hold `-`, as in `Label-Studio`. Every character is looked at once: the time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from polardb_bridge.characters import is_blank

# What MySQL makes of a letter after a backslash; any other character stands for itself.
_ESCAPED = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
# How the mysql client ends statements, beside the semicolon; the second asks for a value a line.
END, VERTICAL_END = "\\g", "\\G"
_CONDITIONAL = re.compile(r"/\*M?!\d{0,6}")


class Kind(Enum):
    WORD = auto()  # a keyword, plain name or number
    NAME = auto()  # in backticks
    STRING = auto()  # in ' or "
    SIGN = auto()  # ( ) , = ; . and the ends above
    UNFINISHED = auto()  # a name, string or comment that the text ends in; `value` is how it begins
    UNKNOWN = auto()  # a character with no meaning here
    END = auto()


@dataclass(frozen=True)
class Token:
    """value: without quotes and escapes. start: where it begins in the text."""

    kind: Kind
    value: str
    start: int


def tokenize(text: str) -> Iterator[Token]:
    """The tokens of `text`, the last of kind END or UNFINISHED; comments are left out.

    What is in `/*!50000 … */` is no comment: servers of that version or later run it.
    """
    position = 0
    opened: int | None = None  # where such a part begins that is not closed yet
    while position < len(text):
        start, character = position, text[position]
        if is_blank(character):
            position += 1
        elif character == "#" or _is_dash_comment(text, position):
            line_end = text.find("\n", position)
            position = len(text) if line_end < 0 else line_end
        elif opened is None and (mark := _CONDITIONAL.match(text, position)):
            opened, position = start, mark.end()
        elif opened is not None and text.startswith("*/", position):
            opened, position = None, position + 2
        elif text.startswith("/*", position):
            comment_end = text.find("*/", position + 2)
            if comment_end < 0:
                yield Token(Kind.UNFINISHED, "/*", start)
                return
            position = comment_end + 2
        elif character in "'\"`":
            value, position = _read_quoted(text, start)
            if value is None:
                yield Token(Kind.UNFINISHED, character, start)
                return
            yield Token(Kind.NAME if character == "`" else Kind.STRING, value, start)
        elif _is_in_word(character):
            while position < len(text) and _is_in_word(text[position]) and not _is_dash_comment(text, position):
                position += 1
            yield Token(Kind.WORD, text[start:position], start)
        elif text.startswith((END, VERTICAL_END), position):
            position += 2
            yield Token(Kind.SIGN, text[start:position], start)
        else:
            position += 1
            yield Token(Kind.SIGN if character in "(),=;." else Kind.UNKNOWN, character, start)
    yield Token(Kind.END, "", len(text)) if opened is None else Token(Kind.UNFINISHED, "/*", opened)


def _is_in_word(character: str) -> bool:
    return character.isalnum() or character in "_-$"


def _is_dash_comment(text: str, position: int) -> bool:
    """`--` begins a comment only before a space or the end: `a--b` is a name."""
    return text.startswith("--", position) and text[position + 2 : position + 3].strip() == ""


def _read_quoted(text: str, start: int) -> tuple[str | None, int]:
    """What is between the quote at `start` and its counterpart, and where the text goes on; None without one."""
    quote = text[start]
    parts = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == "\\" and quote != "`":
            escaped = text[position + 1 : position + 2]
            parts.append(_ESCAPED.get(escaped, escaped))
            position += 2
        elif character != quote:
            parts.append(character)
            position += 1
        elif text.startswith(quote, position + 1):
            parts.append(quote)
            position += 2
        else:
            return "".join(parts), position + 1
    return None, position
