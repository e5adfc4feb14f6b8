"""Where in a text an error is, for pages that mark the place."""

from __future__ import annotations


def around(text: str, line: int, column: int, characters: int) -> tuple[str, str, str]:
    """What stands before, at and after a place within its line, with so many characters on each side; counted from 1.

    All are empty if the text has no such line.
    """
    lines = text.split("\n")
    found = lines[line - 1] if line <= len(lines) else ""
    at = column - 1
    return found[max(0, at - characters) : at], found[at : at + 1], found[at + 1 : at + 1 + characters]
