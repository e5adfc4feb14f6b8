"""The fields of the editor of templates, beside the text of `tp_schema`: one for each option that a type has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from polardb_bridge.labeling import COMMON, LAYOUT, TYPES, Option

_TEXTS = {
    "labels": _("Labels, one a line"),
    "keypoints": _("Points inside of boxes, one a line"),
    "relations": _("Relations, one a line"),
    "channels": _("Columns to draw, one a line"),
    "choice": _("Chosen for each task"),
    "layout": _("Labels stand"),
    "showInLine": _("Labels side by side"),
    "rotation": _("Boxes can be rotated"),
    "granularity": _("What is selected at once"),
    "placeholder": _("Hint in the empty box"),
    "transcription": _("Each part has its words"),
    "framerate": _("Frames per second"),
    "time_column": _("Column of the times"),
    "time_format": _("How times are written, such as %Y-%m-%d"),
    "separator": _("Between the columns stands"),
    "title": _("Title above the labels"),
    "required": _("Nothing is submitted without it"),
    "field": _("Field of the task, if it has another name"),
    "name": _("Name of the control in results"),
    "model_score_threshold": _("Least score of predictions, from 0 to 1"),
}
_VALUES = {
    "single": _("one label"),
    "multiple": _("any number of labels"),
    "top": _("above what is labeled"),
    "side": _("beside what is labeled"),
    "symbol": _("characters"),
    "word": _("words"),
    "sentence": _("sentences"),
    "paragraph": _("paragraphs"),
    "\t": _("a tab"),
}


@dataclass(frozen=True)
class EditorField:
    """kind: as `Kind` has it. values: of a choice, with what pages call them. is_rare: few templates need it."""

    name: str
    kind: str
    text: Any
    values: list[tuple[str, Any]]
    is_on: bool
    is_rare: bool


def fields() -> list[EditorField]:
    """Those of all types, in the order of the types; pages show those of one."""
    options = dict.fromkeys([option for kind in TYPES.values() for option in kind.options] + [LAYOUT, *COMMON])
    lists_first = sorted(options, key=lambda option: option.kind.value != "labels")
    return [_field(option) for option in lists_first]


def fields_by_type() -> dict[str, str]:
    """The names of the fields of each type, with blanks between them."""
    return {name: " ".join(option.name for option in (*kind.all_options, LAYOUT)) for name, kind in TYPES.items()}


def _field(option: Option) -> EditorField:
    values = [(value, _VALUES.get(value, value)) for value in option.known]
    return EditorField(
        option.name, option.kind.value, _TEXTS[option.name], values, option.is_on, is_rare=option in COMMON
    )
