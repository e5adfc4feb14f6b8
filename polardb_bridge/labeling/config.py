"""A template's `tp_schema` to the XML of a Label Studio labeling config."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from polardb_bridge.characters import appearance
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling.palette import colour

SUPPORTED_TYPES = ("ObjectDetection",)
# Where labels are; the first unless `layout` says otherwise.
LAYOUTS = ("top", "side")

# Of Label Studio's window at 1280 x 800, beside the image.
_IN_ONE_COLUMN = 16
# While the rest of a tall image is scrolled to. The colour is Label Studio's, in its light and dark themes.
_STAYS_IN_SIGHT = "position: sticky; top: 0; z-index: 5; background: var(--color-neutral-background)"
# By the class names of Label Studio's editor: without them, the hint stays or is missing, and nothing else changes. It
# keeps its room when it goes, or the image would move under the pointer.
_HINT_STYLE = (
    '.lsf-labels::after {{ content: "{hint}"; align-self: center; margin: 0 8px; font-size: 14px; }} '
    ".lsf-labels:has(.lsf-label_selected)::after {{ visibility: hidden; }}"
)

# What the editor replaces by data, wherever it stands.
_FIELD = re.compile(r"\$[\w\[\].{}]", re.ASCII)
# XML 1.0 cannot hold most of these, and turns tabs and line breaks of an attribute into spaces.
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def labeling_config(schema: Any, hint: str = "Choose a label, then draw a box.") -> str:
    """The labeling config of a parsed `tp_schema`: `{"type": "ObjectDetection", "labels": ["cat", "dog"]}`.

    The config shows the task's `$original_name`, one rectangle label per label, each in a colour of its own, and the
    `$image` below them, or to their left (`"layout": "side"`). While no label is chosen, and dragging does nothing,
    `hint` stands beside the labels.

    Raises:
        InvalidInputError: the schema is not of that form; the message names the field.
    """
    if not isinstance(schema, dict):
        raise InvalidInputError(f"tp_schema is not a JSON object but {_kind(schema)}.", field="tp_schema")
    kind = schema.get("type")
    if kind not in SUPPORTED_TYPES:
        problem = "is missing" if kind is None else f"{kind!r} is not supported"
        raise InvalidInputError(
            f"tp_schema: type {problem}; supported: {', '.join(SUPPORTED_TYPES)}.", field="tp_schema.type"
        )
    labels = _checked_labels(schema.get("labels"))
    layout = schema.get("layout", LAYOUTS[0])
    if layout not in LAYOUTS:
        raise InvalidInputError(
            f"tp_schema: layout {layout!r} is not supported; supported: {', '.join(LAYOUTS)}.", field="tp_schema.layout"
        )
    return _interface(labels, layout, hint)


def _interface(labels: list[str], layout: str, hint: str) -> str:
    view = Element("View")
    SubElement(view, "Style").text = _HINT_STYLE.format(hint=hint)
    SubElement(view, "Header", value="$original_name")
    if layout == "side":
        sides = SubElement(view, "View", style="display: flex; gap: 16px; align-items: flex-start")
        picture = SubElement(sides, "View", style="flex: 1 1 auto; min-width: 0")
        width = 220 if len(labels) <= _IN_ONE_COLUMN else 300
        choices = SubElement(sides, "View", style=f"flex: 0 0 {width}px; {_STAYS_IN_SIGHT}")
    else:
        picture = view
        choices = SubElement(view, "View", style=_STAYS_IN_SIGHT)
    rectangles = SubElement(choices, "RectangleLabels", name="label", toName="image", strokeWidth="3", opacity="0.2")
    for number, label in enumerate(labels):
        SubElement(rectangles, "Label", value=label, background=colour(number))
    image = SubElement(picture, "Image", name="image", value="$image")
    for tool in ("zoom", "brightness", "contrast"):
        image.set(f"{tool}Control", "true")
    indent(view)
    return tostring(view, encoding="unicode")


def _checked_labels(labels: Any) -> list[str]:
    def error(problem: str) -> InvalidInputError:
        return InvalidInputError(f"tp_schema: {problem}.", field="tp_schema.labels")

    if labels is None:
        raise error("labels is missing")
    if not isinstance(labels, list):
        raise error(f"labels is not a list but {_kind(labels)}")
    if not labels:
        raise error("labels is empty; name at least one label")
    seen: dict[str, tuple[int, str]] = {}
    for number, label in enumerate(labels, 1):
        if not isinstance(label, str):
            raise error(f"label {number} is not a string but {_kind(label)}")
        if not label.strip():
            raise error(f"label {number} is empty")
        if _NOT_IN_XML.search(label):
            raise error(f"label {number} ({label!r}) has a control character")
        if label.strip().startswith("$") or _FIELD.search(label):
            raise error(f"label {number} ({label!r}) has a $ that the editor would take for a field of the task")
        first, alike = seen.setdefault(appearance(label), (number, label))
        if first != number and label == alike:
            raise error(f"label {number} ({label!r}) is listed twice")
        if first != number:
            raise error(f"label {number} ({label!r}) looks like label {first} ({alike!r})")
    return labels


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else kinds.get(type(value), type(value).__name__)
