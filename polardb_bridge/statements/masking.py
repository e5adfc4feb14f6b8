"""Statements as messages, records and logs show them: without secrets, and on one line.

No statement takes a password, but people type what other databases take (`password = '…'`). So what follows such a
name is masked wherever a statement is shown, even if it cannot be parsed: by characters, not by tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from polardb_bridge.characters import escaped

MASK = "***"

_NAMES = re.compile("password|passwd|passwort|passphrase|pwd|secret|token|credential|密码|口令", re.IGNORECASE)
_CLOSING = {"'": "'", '"': '"', "`": "`", "‘": "’", "“": "”", "＇": "＇", "＂": "＂"}
_ASSIGNS = "=:＝："
_ENDS = ",;)，；）"


def masked(text: str, start: int = 0, stop: int | None = None) -> str:
    """`text[start:stop]` with `***` in place of every value that has a secret's name, in linear time."""
    stop = len(text) if stop is None else min(stop, len(text))
    parts = []
    for secret_start, secret_end in _secrets(text):
        if secret_start >= stop:
            break
        if secret_end > start:
            parts += [text[start : max(start, secret_start)], MASK]
            start = secret_end
    return "".join([*parts, text[start:stop]])


def printable(text: str) -> str:
    """`text` with escapes for what a terminal, a log or a database cannot take: line ends, NUL, half characters, …"""
    return escaped(text, str.isprintable)


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    """From where to where each secret is, quotes included."""
    position = 0
    while name := _NAMES.search(text, position):
        position, is_assigned = _after_name(text, name.end())
        if is_assigned:
            start, position = position, _end_of_value(text, position)
            if position > start:
                yield start, position


def _after_name(text: str, position: int) -> tuple[int, bool]:
    """Where the value of a name begins, and whether there is one."""
    position = _skip(text, position, lambda character: character.isalnum() or character in "_-$")
    is_quoted_name = text[position : position + 1] in (*_CLOSING, *_CLOSING.values())
    after_name = position + is_quoted_name
    position = _skip(text, after_name, str.isspace)
    following = text[position : position + 1]
    if following and following in _ASSIGNS:
        return _skip(text, position + 1, str.isspace), True
    return position, following in _CLOSING and position > after_name and not is_quoted_name


def _end_of_value(text: str, position: int) -> int:
    closing = _CLOSING.get(text[position : position + 1])
    if closing is None:
        return _skip(text, position, lambda character: not character.isspace() and character not in _ENDS)
    position += 1
    while position < len(text):
        if text[position] == "\\" and closing != "`":
            position += 2
        elif text[position] != closing:
            position += 1
        elif text.startswith(closing, position + 1):
            position += 2
        else:
            return position + 1
    return len(text)


def _skip(text: str, position: int, belongs: Callable[[str], bool]) -> int:
    while position < len(text) and belongs(text[position]):
        position += 1
    return position
