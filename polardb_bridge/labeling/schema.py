"""A parsed `tp_schema`, read and checked: the controls that a template asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling.checks import SchemaError, in_words
from polardb_bridge.labeling.labels import Label
from polardb_bridge.labeling.options import Kind, Option
from polardb_bridge.labeling.types import LAYOUT, REQUIRED, TYPES, LabelingType

_TYPE, _CONTROLS, _OWN = "type", "controls", "label_config"
MAX_CONTROLS = 20


@dataclass(frozen=True)
class Part:
    """What one type of a template asks for. values: by the name of the option; None for what is left out."""

    kind: LabelingType
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of its control."""
        return self.values["name"] or self.kind.name

    @property
    def field(self) -> str:
        """Of the task."""
        return self.values["field"] or self.kind.medium.field

    def name_of(self, control_name: str) -> str:
        """Of another of its controls; empty for the one that has the name."""
        if not control_name:
            return self.name
        return control_name if self.name == self.kind.name else f"{self.name}_{control_name}"

    @property
    def hint(self) -> str:
        """What people are told who have chosen no label; nothing if labels of two kinds are drawn in different ways."""
        drawn = [each for each in self.kind.controls if each.labels and not each.is_relation]
        return self.kind.hint if sum(each.is_there(self.values) for each in drawn) == 1 else ""

    @property
    def labels(self) -> list[Label]:
        """What people choose of."""
        options = [option for option in self.kind.options if option.kind is Kind.LABELS and option.name != "channels"]
        return [label for option in options for label in self.values[option.name] or ()]

    @property
    def needs_region(self) -> bool:
        """Whether an annotation without any region is to be refused, which no control of its own sees to."""
        controls = [each for each in self.kind.controls if each.can_be_required and not each.is_for_regions]
        return bool(self.values[REQUIRED]) and not controls


@dataclass(frozen=True)
class Schema:
    parts: tuple[Part, ...]
    layout: str


def read_schema(schema: Mapping[str, Any]) -> Schema:
    """What a `tp_schema` with a type, or several controls, says.

    Raises:
        InvalidInputError: it is not of that form; the message names what is wrong.
    """
    if _CONTROLS not in schema:
        layout, rest = _without_layout(schema)
        return Schema((_part(rest, (LAYOUT,)),), layout)
    controls = schema[_CONTROLS]
    known = (_CONTROLS, LAYOUT.name)
    if unknown := [member for member in schema if member not in known]:
        raise SchemaError(
            f"tp_schema: there is no {unknown[0]!r} beside controls; there is: {', '.join(known)}.", unknown[0]
        )
    if not isinstance(controls, list) or not 0 < len(controls) <= MAX_CONTROLS:
        raise SchemaError(f"tp_schema: controls is not a list of 1 to {MAX_CONTROLS} objects.", _CONTROLS)
    parts = []
    for number, control in enumerate(controls, 1):
        if not isinstance(control, dict):
            raise SchemaError(f"tp_schema: control {number} is not an object but {in_words(control)}.", _CONTROLS)
        try:
            parts.append(_part(control))
        except InvalidInputError as error:
            raise InvalidInputError(f"Control {number}: {error}", field=f"tp_schema.{_CONTROLS}") from None
    _check_names(parts)
    return Schema(tuple(parts), _without_layout(schema)[0])


def is_own(schema: Any) -> bool:
    """Whether a `tp_schema` brings a labeling config of its own."""
    return isinstance(schema, dict) and _OWN in schema


def _without_layout(schema: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return LAYOUT.read(schema), {member: value for member, value in schema.items() if member != LAYOUT.name}


def _part(schema: Mapping[str, Any], others: tuple[Option, ...] = ()) -> Part:
    """others: options that are known beside those of the type, and read elsewhere."""
    name = schema.get(_TYPE)
    kind = TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        problem = "is missing" if name is None else f"{name!r} is not supported"
        raise InvalidInputError(f"tp_schema: type {problem}; supported: {', '.join(TYPES)}.", field="tp_schema.type")
    known = [_TYPE, *(option.name for option in (*kind.all_options, *others))]
    if unknown := [member for member in schema if member not in known]:
        raise SchemaError(f"tp_schema: {name} has no option {unknown[0]!r}; it has: {', '.join(known)}.", unknown[0])
    return Part(kind, {option.name: option.read(schema) for option in kind.all_options})


def _check_names(parts: list[Part]) -> None:
    names: set[str] = set()
    keys: dict[str, int] = {}
    for number, part in enumerate(parts, 1):
        for control in part.kind.controls:
            name = part.name_of(control.name)
            if control.is_relation or not control.is_there(part.values):
                continue
            if name.lower() in names:
                raise SchemaError(
                    f'tp_schema: two controls have the name {name!r}: give one another, as in "name": "two".', _CONTROLS
                )
            names.add(name.lower())
        for key in {label.hotkey.lower() for label in part.labels if label.hotkey}:
            if (first := keys.setdefault(key, number)) != number:
                raise SchemaError(f"tp_schema: controls {first} and {number} both have the hotkey {key!r}.", _CONTROLS)
