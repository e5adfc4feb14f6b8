"""A template's `tp_schema` to the XML of a Label Studio labeling config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling.labels import checked_labels, in_words
from polardb_bridge.labeling.own_config import checked_config, labels_of_config
from polardb_bridge.labeling.palette import colour


@dataclass(frozen=True)
class _Type:
    """control: the tag of what people label with; shown: the tag of what they label, named as its field of the task."""

    control: str
    shown: str

    @property
    def field(self) -> str:
        return self.shown.lower()


_TYPES = {
    "ObjectDetection": _Type("RectangleLabels", "Image"),
    "ImageClassification": _Type("Choices", "Image"),
    "TextClassification": _Type("Choices", "Text"),
}
SUPPORTED_TYPES = tuple(_TYPES)
# Those whose labels are chosen for all of what is shown: they know `choice` and `showInLine`.
CLASSIFICATIONS = tuple(name for name, kind in _TYPES.items() if kind.control == "Choices")
# Where labels are; the first unless `layout` says otherwise.
LAYOUTS = ("top", "side")
# How many labels are chosen for one task; the first unless `choice` says otherwise.
CHOICES = ("single", "multiple")

# Of Label Studio's window at 1280 x 800, beside the image.
_IN_ONE_COLUMN = 16
# While the rest of a tall image is scrolled to. The colour is Label Studio's, in its light and dark themes.
_STAYS_IN_SIGHT = "position: sticky; top: 0; z-index: 5; background: var(--color-neutral-background)"
# Very many labels scroll: they would hide what is to be labeled.
_LEAVES_ROOM = {"top": "max-height: 50vh; overflow-y: auto", "side": "max-height: 85vh; overflow-y: auto"}
# By the class names of Label Studio's editor: without them, the hint stays or is missing, and nothing else changes. It
# keeps its room when it goes, or the image would move under the pointer.
_HINT_STYLE = (
    '.lsf-labels::after {{ content: "{hint}"; align-self: center; margin: 0 8px; font-size: 14px; }} '
    ".lsf-labels:has(.lsf-label_selected)::after {{ visibility: hidden; }}"
)
# Choices have no colour of their own in the editor.
_CHOICE_STYLE = "border-left: 4px solid {colour}; margin: 2px 12px 2px 0; line-height: 24px"


def labeling_config(schema: Any, hint: str = "Choose a label, then draw a box.") -> str:
    """The labeling config of a parsed `tp_schema`: `{"type": "ObjectDetection", "labels": ["cat", "dog"]}`.

    The config shows the task's `$original_name`, the labels, each in a colour of its own, and the `$image` or `$text`
    below them, or to their left (`"layout": "side"`). Rectangles are drawn with a label: while none is chosen, and
    dragging does nothing, `hint` stands beside them. Classifications have choices, of which one is taken or several
    (`"choice": "multiple"`).

    `{"label_config": "<View>…</View>"}` is taken as it is.

    Raises:
        InvalidInputError: the schema is not of that form; the message names the field.
    """
    if not isinstance(schema, dict):
        raise InvalidInputError(f"tp_schema is not a JSON object but {in_words(schema)}.", field="tp_schema")
    if "label_config" in schema:
        if "type" in schema:
            raise InvalidInputError(
                "tp_schema has both type and label_config: leave one of them out.", field="tp_schema.type"
            )
        return checked_config(schema["label_config"])
    name = schema.get("type")
    kind = _TYPES.get(name) if isinstance(name, str) else None
    if kind is None:
        problem = "is missing" if name is None else f"{name!r} is not supported"
        raise InvalidInputError(
            f"tp_schema: type {problem}; supported: {', '.join(SUPPORTED_TYPES)}.", field="tp_schema.type"
        )
    labels = checked_labels(schema.get("labels"))
    layout = _one_of(schema, "layout", LAYOUTS)
    view = Element("View")
    if kind.control == "Choices":
        control = _choices(schema, layout)
    else:
        SubElement(view, "Style").text = _HINT_STYLE.format(hint=hint)
        control = Element("RectangleLabels", strokeWidth="3", opacity="0.2")
    SubElement(view, "Header", value="$original_name")
    for number, label in enumerate(labels):
        control.append(_label(kind, label, colour(number)))
    control.attrib = {"name": "label", "toName": kind.field, **control.attrib}
    _arrange(view, control, _shown(kind), layout)
    indent(view)
    return tostring(view, encoding="unicode")


def labels_of(schema: Mapping[str, Any]) -> list[str]:
    """The labels of a `tp_schema` that `labeling_config` takes."""
    return labels_of_config(schema["label_config"]) if "label_config" in schema else list(schema["labels"])


def with_labels(schema: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The schema with its first `count` labels; a labeling config of somebody's own stays whole."""
    return {**schema, "labels": schema["labels"][:count]} if "type" in schema else dict(schema)


def _choices(schema: Mapping[str, Any], layout: str) -> Element:
    is_inline = schema.get("showInLine", layout == "top")
    if not isinstance(is_inline, bool):
        raise InvalidInputError(
            f"tp_schema: showInLine is not true or false but {in_words(is_inline)}.", field="tp_schema.showInLine"
        )
    choice = _one_of(schema, "choice", CHOICES)
    return Element("Choices", choice=choice, showInline="true" if is_inline else "false")


def _label(kind: _Type, label: str, its_colour: str) -> Element:
    if kind.control == "Choices":
        return Element("Choice", value=label, style=_CHOICE_STYLE.format(colour=its_colour))
    return Element("Label", value=label, background=its_colour)


def _shown(kind: _Type) -> Element:
    shown = Element(kind.shown, name=kind.field, value=f"${kind.field}")
    if kind.shown == "Image":
        for tool in ("zoom", "brightness", "contrast"):
            shown.set(f"{tool}Control", "true")
    return shown


def _arrange(view: Element, control: Element, shown: Element, layout: str) -> None:
    """Put what is labeled, and what people label with, into the view."""
    stays = f"{_STAYS_IN_SIGHT}; {_LEAVES_ROOM[layout]}"
    if layout == "side":
        sides = SubElement(view, "View", style="display: flex; gap: 16px; align-items: flex-start")
        SubElement(sides, "View", style="flex: 1 1 auto; min-width: 0").append(shown)
        width = 220 if len(control) <= _IN_ONE_COLUMN else 300
        SubElement(sides, "View", style=f"flex: 0 0 {width}px; {stays}").append(control)
    else:
        SubElement(view, "View", style=stays).append(control)
        view.append(shown)


def _one_of(schema: Mapping[str, Any], member: str, known: tuple[str, ...]) -> str:
    value = schema.get(member, known[0])
    if value not in known:
        raise InvalidInputError(
            f"tp_schema: {member} {value!r} is not supported; supported: {', '.join(known)}.",
            field=f"tp_schema.{member}",
        )
    return str(value)
