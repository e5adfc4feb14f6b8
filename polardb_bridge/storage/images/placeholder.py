"""A sentence as a picture, in the place of one that cannot be shown."""

from __future__ import annotations

import textwrap
from html import escape

_WIDTH, _LINE_HEIGHT, _MARGIN = 800, 32, 40
_LINE_CHARACTERS = 60
_MAX_CHARACTERS = 600


def drawn(text: str) -> bytes:
    """The text as SVG, in lines."""
    lines = textwrap.wrap(text[:_MAX_CHARACTERS], _LINE_CHARACTERS) or [""]
    height = 2 * _MARGIN + _LINE_HEIGHT * len(lines)
    spans = "".join(
        f'<tspan x="{_MARGIN}" y="{_MARGIN + _LINE_HEIGHT * number}">{escape(_printable(line))}</tspan>'
        for number, line in enumerate(lines, start=1)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}">'
        f'<rect width="100%" height="100%" fill="#fff4e5"/>'
        f'<text font-family="sans-serif" font-size="22" fill="#7a3e00">{spans}</text></svg>'
    ).encode()


def _printable(text: str) -> str:
    # XML has no place for most control characters, not even escaped.
    return "".join(character if character.isprintable() else " " for character in text)
