"""Labels of a template: a list of texts that can be shown, and told apart; each by itself, or with details.

["cat", {"value": "dog", "color": "#1f74a6", "hotkey": "d", "alias": "canis", "hint": "…", "predicted_values": […]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from PIL import ImageColor

from polardb_bridge.characters import appearance
from polardb_bridge.labeling.checks import SchemaError, check_text, in_words

_HEX_COLOR = re.compile("#(?:[0-9a-fA-F]{3}){1,2}")
# As the editor's library of keys names them (keymaster), behind what is held down meanwhile.
_HOTKEY = re.compile(r"(?:(?:ctrl|alt|shift|command)\+)*(?:[^\s,+$]|f1?[0-9]|space|enter|tab|backspace|delete)")
COLOR = "color"
_TEXTS = (COLOR, "hotkey", "alias", "hint")
_PREDICTED = "predicted_values"
DETAILS = (*_TEXTS, _PREDICTED)


@dataclass(frozen=True)
class Label:
    """color: empty for one of the palette. alias: what results hold in place of the value.

    predicted_values: what the models of ML backends call it.
    """

    value: str
    color: str = ""
    hotkey: str = ""
    alias: str = ""
    hint: str = ""
    predicted_values: tuple[str, ...] = ()

    @property
    def stored(self) -> str:
        """What results hold."""
        return self.alias or self.value


def checked_labels(labels: Any, member: str, one: str, details: tuple[str, ...] = DETAILS) -> list[Label]:
    """The labels of a parsed `tp_schema` if the editor can show them as they are.

    member: of the schema; one: what messages call an entry; details: what an entry may have beside its value.

    Raises:
        InvalidInputError: it cannot; the message names the label by its number from 1.
    """
    if labels is None:
        raise SchemaError(f"tp_schema: {member} is missing.", member)
    if not isinstance(labels, list):
        raise SchemaError(f"tp_schema: {member} is not a list but {in_words(labels)}.", member)
    if not labels:
        raise SchemaError(f"tp_schema: {member} is empty; name at least one {one}.", member)
    checked: list[Label] = []
    seen: dict[str, tuple[str, str]] = {}
    keys: dict[str, str] = {}
    for number, entry in enumerate(labels, 1):
        place = f"{one} {number}"
        label = _checked(entry, place, member, details)
        for text in dict.fromkeys((label.value, label.stored)):
            first, alike = seen.setdefault(appearance(text), (place, text))
            if first != place and text == alike:
                raise SchemaError(f"tp_schema: {place} ({text!r}) is listed twice.", member)
            if first != place:
                raise SchemaError(f"tp_schema: {place} ({text!r}) looks like {first} ({alike!r}).", member)
        if label.hotkey and (other := keys.setdefault(label.hotkey.lower(), place)) != place:
            raise SchemaError(f"tp_schema: {place} has the hotkey {label.hotkey!r}, and so has {other}.", member)
        checked.append(label)
    return checked


def _checked(entry: Any, place: str, member: str, details: tuple[str, ...]) -> Label:
    said = {"value": entry} if isinstance(entry, str) else entry
    if not isinstance(said, dict):
        raise SchemaError(f"tp_schema: {place} is not a string but {in_words(entry)}.", member)
    known = ("value", *details)
    if unknown := [detail for detail in said if detail not in known]:
        raise SchemaError(
            f"tp_schema: {place} has {unknown[0]!r}, which is not known; known: {', '.join(known)}.", member
        )
    for detail, text in {"value": None, **said}.items():
        if detail == _PREDICTED:
            continue
        if not isinstance(text, str):
            raise SchemaError(
                f"tp_schema: the detail {detail} of {place} is not a string but {in_words(text)}.", member
            )
        check_text(text, place if detail == "value" else f"the detail {detail} of {place}", member)
    label = Label(**{**said, _PREDICTED: _predicted(said, place, member)})
    if label.color and not _HEX_COLOR.fullmatch(label.color) and label.color.lower() not in ImageColor.colormap:
        raise SchemaError(
            f"tp_schema: {place} has the color {label.color!r}: write #rrggbb, or a name of CSS such as teal.", member
        )
    if label.hotkey and not _HOTKEY.fullmatch(label.hotkey):
        raise SchemaError(
            f"tp_schema: {place} has the hotkey {label.hotkey!r}: write one key, such as d, 1 or shift+d.", member
        )
    return label


def _predicted(said: dict[str, Any], place: str, member: str) -> tuple[str, ...]:
    """They stand in one attribute, with commas between them."""
    values = said.get(_PREDICTED, [])
    if not isinstance(values, list) or not all(isinstance(each, str) and "," not in each for each in values):
        raise SchemaError(
            f"tp_schema: the predicted_values of {place} are not a list of strings without commas.", member
        )
    for each in values:
        check_text(each, f"one of the predicted_values of {place}", member)
    return tuple(values)
