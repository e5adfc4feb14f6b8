"""A template's `tp_schema` to the XML of a Label Studio labeling config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling.checks import SchemaError, in_words
from polardb_bridge.labeling.labels import Label
from polardb_bridge.labeling.options import written
from polardb_bridge.labeling.own_config import checked_config, labels_of_config
from polardb_bridge.labeling.palette import colour
from polardb_bridge.labeling.schema import Part, is_own, read_schema
from polardb_bridge.labeling.types import CHANNELS, IN_LINE, REQUIRED, THRESHOLD, Control

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


def labeling_config(schema: Any, translated: Callable[[str], str] = str) -> str:
    """The labeling config of a parsed `tp_schema`: `{"type": "ObjectDetection", "labels": ["cat", "dog"]}`.

    The config shows the task's `$original_name`, the labels, each in a colour of its own, and what is labeled below
    them, or to their left (`"layout": "side"`): the field of the task that is named as its medium, or as `field` says.
    While no label is chosen, and dragging does nothing, a hint stands beside them, which is `translated`.

    `{"controls": [{"type": …}, {"type": …}]}` has several of these in one interface; what they share is shown once.
    `{"label_config": "<View>…</View>"}` is taken as it is.

    Raises:
        InvalidInputError: the schema is not of that form; the message names the field.
    """
    if not isinstance(schema, dict):
        raise InvalidInputError(f"tp_schema is not a JSON object but {in_words(schema)}.", field="tp_schema")
    ways = [way for way in ("type", "controls", "label_config") if way in schema]
    if len(ways) > 1:
        raise InvalidInputError(
            f"tp_schema has both {ways[0]} and {ways[1]}: leave one of them out.", field=f"tp_schema.{ways[0]}"
        )
    if is_own(schema):
        return checked_config(schema["label_config"])
    read = read_schema(schema)
    view = Element("View")
    hints = {part.hint for part in read.parts}
    if len(hints) == 1 and (hint := hints.pop()):
        SubElement(view, "Style").text = _HINT_STYLE.format(hint=translated(hint))
    SubElement(view, "Header", value="$original_name")
    shown = _Shown({part.name_of(each.name) for part in read.parts for each in part.kind.controls})
    controls = [tag for part in read.parts for tag in _controls(part, shown.name_for(part), read.layout)]
    _arrange(view, controls, shown.tags, read.layout)
    indent(view)
    return tostring(view, encoding="unicode")


def labels_of(schema: Mapping[str, Any]) -> list[str]:
    """The labels of a `tp_schema` that `labeling_config` takes, as they are shown."""
    if is_own(schema):
        return labels_of_config(schema["label_config"])
    return [label.value for part in read_schema(schema).parts for label in part.labels]


def with_labels(schema: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The schema with the first `count` labels of each list; a labeling config of somebody's own stays whole."""
    if "controls" in schema:
        return {**schema, "controls": [with_labels(control, count) for control in schema["controls"]]}
    return {member: value[:count] if isinstance(value, list) else value for member, value in schema.items()}


def needs_region(schema: Mapping[str, Any]) -> bool:
    """Whether an annotation needs a region to be submitted: `required` of a type whose control does not see to it."""
    return not is_own(schema) and any(part.needs_region for part in read_schema(schema).parts)


class _Shown:
    """What is labeled: by the field of the task, one tag for all that label it in the same way."""

    def __init__(self, taken: set[str]) -> None:
        """taken: names that controls have."""
        self._taken = taken
        self._found: dict[tuple[str, str], Element] = {}

    @property
    def tags(self) -> list[Element]:
        return list(self._found.values())

    def name_for(self, part: Part) -> str:
        """The name of the tag that shows what this part labels."""
        medium, name = part.kind.medium, part.field
        tag = self._found.get((medium.tag, name))
        if tag is None:
            unique = name if name not in self._taken else f"{name}_{medium.tag.lower()}"
            self._taken.add(unique)
            tag = Element(medium.tag, {"name": unique, "value": f"${name}", **medium.attributes})
            self._found[medium.tag, name] = tag
        for option in part.kind.options:
            value = part.values[option.name]
            if not option.on_shown or value is None:
                continue
            if tag.get(option.attribute, written(value)) != written(value):
                raise SchemaError(f"tp_schema: two controls show ${name} with another {option.name}.", "controls")
            tag.set(option.attribute, written(value))
        if channels := [_channel(channel, number) for number, channel in enumerate(part.values.get(CHANNELS) or ())]:
            if len(tag) and [dict(each.attrib) for each in tag] != [each.attrib for each in channels]:
                raise SchemaError(f"tp_schema: two controls show ${name} with another {CHANNELS}.", "controls")
            tag[:] = channels
        return str(tag.get("name"))


def _channel(channel: Label, number: int) -> Element:
    return Element("Channel", column=channel.value, legend=channel.value, strokeColor=channel.color or colour(number))


def _controls(part: Part, shown: str, layout: str) -> list[Element]:
    """The tags that people label with, below their title; shown: the name of what they label."""
    tags = [Element("Header", value=part.values["title"], size="5")] if part.values["title"] else []
    for control in part.kind.controls:
        if control.is_there(part.values):
            tags.append(_control(part, control, shown, layout))
    return tags


def _control(part: Part, control: Control, shown: str, layout: str) -> Element:
    name = {} if control.is_relation else {"name": part.name_of(control.name), "toName": shown}
    tag = Element(control.tag, {**name, **control.attributes})
    if not control.name:
        for option in part.kind.options:
            if option.attribute and not option.on_shown and (value := part.values[option.name]) is not None:
                tag.set(option.attribute, written(value))
        if IN_LINE in part.kind.options and part.values[IN_LINE.name] is None:
            tag.set(IN_LINE.attribute, written(layout == "top"))
    if control.can_be_required and part.values[REQUIRED]:
        tag.set("required", "true")
    if part.values[THRESHOLD] is not None and not control.is_relation:
        tag.set(THRESHOLD, written(part.values[THRESHOLD]))
    labels: list[Label] = part.values[control.labels] if control.labels else []
    tag.extend(_label(control, label, number) for number, label in enumerate(labels))
    return tag


def _label(control: Control, label: Label, number: int) -> Element:
    its_colour = label.color or colour(number)
    is_choice = control.item == "Choice"
    details = {"style": _CHOICE_STYLE.format(colour=its_colour)} if is_choice else {"background": its_colour}
    details |= {detail: text for detail in ("hotkey", "alias", "hint") if (text := getattr(label, detail))}
    if label.predicted_values:
        details["predicted_values"] = ",".join(label.predicted_values)
    if control.tag == "KeyPointLabels":
        # Which of a model's points it is (label_studio_sdk/converter/keypoints.py).
        details["model_index"] = str(number)
    return Element(control.item, {"value": label.value, **details})


def _arrange(view: Element, controls: list[Element], shown: list[Element], layout: str) -> None:
    """Put what is labeled, and what people label with, into the view."""
    stays = f"{_STAYS_IN_SIGHT}; {_LEAVES_ROOM[layout]}"
    if layout == "side":
        sides = SubElement(view, "View", style="display: flex; gap: 16px; align-items: flex-start")
        SubElement(sides, "View", style="flex: 1 1 auto; min-width: 0").extend(shown)
        is_narrow = all(len(tag) <= _IN_ONE_COLUMN and tag.tag != "TextArea" for tag in controls)
        width = 220 if is_narrow else 300
        SubElement(sides, "View", style=f"flex: 0 0 {width}px; {stays}").extend(controls)
    else:
        SubElement(view, "View", style=stays).extend(controls)
        view.extend(shown)
