"""What the labeling interface shows, and under which name a project's tasks hold their pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from core.label_config import parse_config_to_xml

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.fields import PICTURE, ROW_FIELDS
from polardb_bridge.table.mapping import DOCUMENTED, TableMapping
from polardb_bridge.table.proposal import TEXT_TAGS

_FIELD = re.compile(r"\$(\w+)")
# A field as it is, and not a part of it, as in `$pages[0]`.
_WHOLE = re.compile(r"\$(\w+)(?![\w\[.])")
# They show a text of the task, and nothing that is labeled.
_DECORATION = {"Header", "Style", "View"}
# They show one by `value`; others, such as Table, show what a list holds.
_OF_ONE = {*TEXT_TAGS, "Image", "Audio", "AudioPlus", "Video", "Pdf", "TimeSeries"}
# They would show the letters of a picture's address, or of the picture itself.
_TEXTS = {*TEXT_TAGS, "TimeSeries"}
# In place of such a tag's name: it fetches its text from the address.
FETCHED_TEXT = "a text by its address"


def image_field(label_config: str | None, mapping: TableMapping = DOCUMENTED) -> str:
    """The name of the picture in tasks; without meaning if rows hold none.

    A picture alone, which nobody has given another name than `image`, has the one that the interface shows, if that is
    not shown as text.

    Raises:
        ReconfigureError: objects of the interface show a field that the mapping does not give, a picture as text, or a
            list as if it were one.
    """
    lists = {name for name, field in mapping.data.items() if field.kind.is_list}
    objects = shown_fields(label_config)
    shown = set(objects)
    for field in mapping.pictures:
        if objects.get(field, set()) & _TEXTS:
            raise ReconfigureError(
                f"The labeling interface shows ${field} as text, and rows hold a picture there.", field="project"
            )
    is_text = bool(objects) and all(tags & _TEXTS for tags in objects.values())
    if list(mapping.data) == [PICTURE] and mapping.picture and not is_text:
        if len(shown) > 1:
            raise ReconfigureError(
                f"The labeling interface shows {_in_words(shown)}, and a row has one picture: name one field in it "
                "($original_name and $id may stand beside it), or map the others, too.",
                field="project",
            )
        field = next(iter(shown), PICTURE)
        _check_lists(label_config, {field} if lists else set())
        return field
    _check_lists(label_config, lists)
    if missing := shown - set(mapping.data):
        raise ReconfigureError(
            f"The labeling interface shows {_in_words(shown)}, and the mapping gives tasks {_in_words(mapping.data)}: "
            f"map {_in_words(missing)}, or show what there is ($original_name and $id may stand beside it).",
            field="project",
        )
    return mapping.picture_field or PICTURE


def _in_words(fields: Iterable[str]) -> str:
    return ", ".join(f"${field}" for field in sorted(fields))


def _check_lists(label_config: str | None, lists: set[str]) -> None:
    """Raise ReconfigureError if an object shows one of these fields, which are lists, by `value`, which is for one."""
    for tag in _object_tags(label_config) if lists else ():
        shown = lists & set(_WHOLE.findall(tag.get("value", "")))
        if tag.tag in _OF_ONE and shown:
            raise ReconfigureError(
                f"The labeling interface shows ${min(shown)} by value, and rows hold a list there: write valueList in "
                'its place, as in <Image name="image" valueList="$pages"/>.',
                field="project",
            )


def shown_fields(label_config: str | None) -> dict[str, set[str]]:
    """By field, the tags of the interface's objects that show it; FETCHED_TEXT in place of those that fetch a text.

    Without what every task holds of its row.
    """
    shown: dict[str, set[str]] = {}
    for tag in _object_tags(label_config):
        for field in _FIELD.findall(f"{tag.get('value', '')} {tag.get('valueList', '')}"):
            shown.setdefault(field, set()).add(FETCHED_TEXT if _fetches(tag) else tag.tag)
        for field in _FIELD.findall(tag.get("audioUrl", "")):  # of a dialogue
            shown.setdefault(field, set()).add("Audio")
    return {field: tags for field, tags in shown.items() if field not in ROW_FIELDS}


def _fetches(tag: Any) -> bool:
    """Whether an object takes what tasks hold for the address of a text; the editor reads attributes without case."""
    default = "url" if tag.tag == "TimeSeries" else ""
    value_type = next((value for name, value in tag.items() if name.lower() == "valuetype"), default)
    return tag.tag in {*_TEXTS, "Table"} and "url" in value_type.lower()


def _object_tags(label_config: str | None) -> Iterator[Any]:
    xml: Any = parse_config_to_xml(label_config or "<View/>")
    for tag in xml.iter():
        # Controls, which point at an object, may take choices from the task.
        if isinstance(tag.tag, str) and tag.tag not in _DECORATION and tag.get("name") and not tag.get("toName"):
            yield tag
