"""What a `tp_schema` may hold where it holds text, and how it is refused."""

from __future__ import annotations

import re
from typing import Any

from polardb_bridge.characters import appearance
from polardb_bridge.errors import InvalidInputError

# What the editor replaces by data, wherever it stands.
_FIELD = re.compile(r"\$[\w\[\].{}]", re.ASCII)
# XML 1.0 cannot hold most of these, and turns tabs and line breaks of an attribute into spaces.
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class SchemaError(InvalidInputError):
    """A `tp_schema` that cannot be; member: the part of it that is wrong."""

    def __init__(self, message: str, member: str) -> None:
        super().__init__(message, field=f"tp_schema.{member}")


def check_text(text: str, place: str, member: str) -> None:
    """See that the editor shows a text as it is.

    place: what messages call it.

    Raises:
        InvalidInputError: it does not.
    """
    if _NOT_IN_XML.search(text):
        raise SchemaError(f"tp_schema: {place} ({text!r}) has a control character.", member)
    if not appearance(text):
        raise SchemaError(f"tp_schema: {place} is empty.", member)
    if text.strip().startswith("$") or _FIELD.search(text):
        raise SchemaError(
            f"tp_schema: {place} ({text!r}) has a $ that the editor would take for a field of the task.", member
        )


def in_words(value: Any) -> str:
    """What kind of JSON a value is."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else kinds.get(type(value), type(value).__name__)
