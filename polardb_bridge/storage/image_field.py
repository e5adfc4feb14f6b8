"""Under which name a project's tasks hold their pictures: the one that its labeling interface shows."""

from __future__ import annotations

import re
from typing import Any

from core.label_config import parse_config_to_xml

from polardb_bridge.errors import ReconfigureError

DEFAULT_FIELD = "image"
# What else a task holds of its row, each under the column's own name.
ROW_FIELDS = ("original_name", "id")

_FIELD = re.compile(r"\$(\w+)")
# They show a text of the task, and nothing that is labeled.
_DECORATION = {"Header", "Style", "View"}


def image_field(label_config: str | None) -> str:
    """The only field that the objects of a labeling interface show, beside those of ROW_FIELDS; `image` if none does.

    Raises:
        ReconfigureError: they show several, of which a row can fill one.
    """
    fields = sorted(_object_fields(label_config) - set(ROW_FIELDS))
    if len(fields) > 1:
        names = ", ".join(f"${field}" for field in fields)
        raise ReconfigureError(
            f"The labeling interface shows {names}, and a row has one picture: name one field in it "
            "($original_name and $id may stand beside it).",
            field="project",
        )
    return fields[0] if fields else DEFAULT_FIELD


def _object_fields(label_config: str | None) -> set[str]:
    xml: Any = parse_config_to_xml(label_config or "<View/>")
    shown = set()
    for tag in xml.iter():
        # Controls, which point at an object, may take choices from the task.
        if not isinstance(tag.tag, str) or tag.tag in _DECORATION or not tag.get("name") or tag.get("toName"):
            continue
        shown.update(_FIELD.findall(f"{tag.get('value', '')} {tag.get('valueList', '')}"))
    return shown
