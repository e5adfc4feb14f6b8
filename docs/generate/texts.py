"""What the code does not say, from `texts.yml`, and Markdown tables of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("en", "zh")
_FILE = Path(__file__).with_name("texts.yml")


class MissingTextError(Exception):
    """The code and `texts.yml` do not name the same things."""


class Texts:
    """The texts in one language."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._texts: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))

    def word(self, name: str) -> str:
        """A heading of a table, or another word of the pages."""
        return self._one("words", name)

    def of(self, subject: str, names: Iterable[str]) -> dict[str, str]:
        """The texts of a subject by name, in the order of `names`, which the code has found.

        Raises:
            MissingTextError: the subject has texts for more or for less than `names`.
        """
        found, written = list(names), self._texts[subject]
        if set(found) != set(written):
            raise MissingTextError(
                f"{_FILE.name}, {subject}: lacks {sorted(set(found) - set(written))}, "
                f"and has {sorted(set(written) - set(found))}, which the code does not"
            )
        return {name: self._one(subject, name) for name in found}

    def _one(self, subject: str, name: str) -> str:
        try:
            return str(self._texts[subject][name][self._language])
        except KeyError:
            raise MissingTextError(f"{_FILE.name}: {subject}, {name} lacks {self._language}") from None


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines) + "\n"


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    # Within backticks `<` begins no tag, and would be shown as an entity.
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))
