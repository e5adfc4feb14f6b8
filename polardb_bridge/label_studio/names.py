"""Names in labeling configurations: what they match is found in time that grows with their length only."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

# What Label Studio puts for the index of a Repeater, as in `choice_{{idx}}`.
_ANYTHING = ".*"


def match_names_literally() -> None:
    """Have all of a name be taken as it is written, except for the index of a Repeater.

    Label Studio compiles names as regular expressions (core/label_config.py, three functions that end in `_by_regex`;
    label_studio_sdk/converter/converter.py, _maybe_matching_tag_from_schema): with a control called `(a+)+`, an
    annotation of `aaaa…!` held the interpreter with all its threads for years.
    """
    from core import label_config
    from label_studio_sdk.converter import converter

    modules: list[Any] = [label_config, converter]
    for module in modules:
        module.re = SimpleNamespace(compile=NamePattern, findall=re.findall)


class NamePattern:
    """As much of a compiled regular expression as Label Studio uses for names."""

    def __init__(self, pattern: str) -> None:
        self._first, *self._others = pattern.split(_ANYTHING)

    def fullmatch(self, name: str) -> bool:
        """Whether the pattern is the whole name."""
        if not self._others:
            return name == self._first
        *middle, last = self._others
        end = len(name) - len(last)
        at = self._found(name, middle)
        return at is not None and at <= end and name.endswith(last)

    def match(self, name: str) -> bool:
        """Whether the name begins with the pattern."""
        return self._found(name, self._others) is not None

    def _found(self, name: str, others: list[str]) -> int | None:
        """Where the first part and `others`, one after another, end at the earliest; None if they are not there."""
        if not name.startswith(self._first):
            return None
        at = len(self._first)
        for part in others:
            begin = name.find(part, at)
            if begin < 0:
                return None
            at = begin + len(part)
        return at
