"""The labels of a template: a list of texts that can be shown, and told apart."""

from __future__ import annotations

import re
from typing import Any

from polardb_bridge.characters import appearance
from polardb_bridge.errors import InvalidInputError

# What the editor replaces by data, wherever it stands.
_FIELD = re.compile(r"\$[\w\[\].{}]", re.ASCII)
# XML 1.0 cannot hold most of these, and turns tabs and line breaks of an attribute into spaces.
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def checked_labels(labels: Any) -> list[str]:
    """Return `labels` of a parsed `tp_schema` if the editor can show them as they are.

    Raises:
        InvalidInputError: it cannot; the message names the label by its number from 1.
    """

    def error(problem: str) -> InvalidInputError:
        return InvalidInputError(f"tp_schema: {problem}.", field="tp_schema.labels")

    if labels is None:
        raise error("labels is missing")
    if not isinstance(labels, list):
        raise error(f"labels is not a list but {in_words(labels)}")
    if not labels:
        raise error("labels is empty; name at least one label")
    seen: dict[str, tuple[int, str]] = {}
    for number, label in enumerate(labels, 1):
        if not isinstance(label, str):
            raise error(f"label {number} is not a string but {in_words(label)}")
        if _NOT_IN_XML.search(label):
            raise error(f"label {number} ({label!r}) has a control character")
        shown = appearance(label)
        if not shown:
            raise error(f"label {number} is empty")
        if label.strip().startswith("$") or _FIELD.search(label):
            raise error(f"label {number} ({label!r}) has a $ that the editor would take for a field of the task")
        first, alike = seen.setdefault(shown, (number, label))
        if first != number and label == alike:
            raise error(f"label {number} ({label!r}) is listed twice")
        if first != number:
            raise error(f"label {number} ({label!r}) looks like label {first} ({alike!r})")
    return labels


def in_words(value: Any) -> str:
    """What kind of JSON a value is."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else kinds.get(type(value), type(value).__name__)
