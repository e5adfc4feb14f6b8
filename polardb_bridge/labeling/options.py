"""What a type of a template can be told, beside its labels."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from polardb_bridge.labeling.checks import SchemaError, check_text, in_words
from polardb_bridge.labeling.labels import DETAILS, checked_labels

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class Kind(Enum):
    """What an option holds: labels, one of some words, true or false, a text, a number, a name of letters."""

    LABELS = "labels"
    CHOICE = "choice"
    FLAG = "flag"
    TEXT = "text"
    NUMBER = "number"
    NAME = "name"


@dataclass(frozen=True)
class Option:
    """known: of a choice; the first is meant if it is left out. range: of a number, with its ends. is_on: of a flag,
    what is meant if it is left out.
    one: what messages call one of the labels; details: what these may have beside their values.
    attribute: of the tag that it changes, which is the control, or what is shown (on_shown).
    is_needed: whether it cannot be left out.
    """

    name: str
    kind: Kind
    known: tuple[str, ...] = ()
    range: tuple[float, float] = (0, 1)
    is_on: bool = False
    one: str = ""
    details: tuple[str, ...] = DETAILS
    attribute: str = ""
    on_shown: bool = False
    is_needed: bool = False

    def read(self, schema: Mapping[str, Any]) -> Any:
        """Its value in a parsed `tp_schema`; None if it is left out, and of a choice what is meant then.

        Raises:
            InvalidInputError: it holds something else.
        """
        name, value = self.name, schema.get(self.name)
        if self.kind is Kind.LABELS:
            is_left_out = name not in schema and not self.is_needed
            return None if is_left_out else checked_labels(value, name, self.one, self.details)
        if name not in schema:
            if self.is_needed:
                raise SchemaError(f"tp_schema: {name} is missing.", name)
            return self.known[0] if self.known else None
        if self.kind is Kind.CHOICE:
            if value not in self.known:
                raise SchemaError(
                    f"tp_schema: {name} {value!r} is not supported; supported: {', '.join(self.known)}.", name
                )
        elif self.kind is Kind.FLAG:
            if not isinstance(value, bool):
                raise SchemaError(f"tp_schema: {name} is not true or false but {in_words(value)}.", name)
        elif self.kind is Kind.NUMBER:
            self._check_number(value)
        elif not isinstance(value, str):
            raise SchemaError(f"tp_schema: {name} is not a string but {in_words(value)}.", name)
        elif self.kind is Kind.NAME:
            if not _NAME.fullmatch(value):
                raise SchemaError(
                    f"tp_schema: {name} {value!r} cannot be a name: use up to 64 letters (a-z, A-Z), digits and _, a "
                    "letter first.",
                    name,
                )
        else:
            check_text(value, name, name)
        return value

    def _check_number(self, value: Any) -> None:
        least, most = self.range
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not least <= value <= most:
            raise SchemaError(f"tp_schema: {self.name} is not a number from {least:g} to {most:g}.", self.name)


def written(value: Any) -> str:
    """A value as XML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
