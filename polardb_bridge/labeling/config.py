"""A template's `tp_schema` to the XML of a Label Studio labeling config."""

from __future__ import annotations

import re
from typing import Any

from label_studio_sdk.label_interface import LabelInterface  # type: ignore[attr-defined]  # re-exported

from polardb_bridge.characters import appearance
from polardb_bridge.errors import InvalidInputError

SUPPORTED_TYPES = ("ObjectDetection",)

# XML 1.0 cannot hold most of these, and turns tabs and line breaks of an attribute into spaces.
_NOT_IN_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def labeling_config(schema: Any) -> str:
    """The labeling config of a parsed `tp_schema`: `{"type": "ObjectDetection", "labels": ["cat", "dog"]}`.

    The config shows the task's `$original_name` above its `$image`, and one rectangle label per label.

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
    return str(
        LabelInterface.create(  # type: ignore[no-untyped-call]
            {
                "image": ("Image", {"value": "$image"}),
                "label": ("RectangleLabels", {"toName": "image"}, tuple(("Label", {"value": v}, ()) for v in labels)),
            },
            # By the name of the tag that it goes above: a plain string fails (label_studio_sdk 2.1.2).
            title={"image": "$original_name"},
        )
    )


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
        if label.startswith("$"):
            raise error(f"label {number} ({label!r}) begins with $, and the editor would show a field of the task")
        first, alike = seen.setdefault(appearance(label), (number, label))
        if first != number and label == alike:
            raise error(f"label {number} ({label!r}) is listed twice")
        if first != number:
            raise error(f"label {number} ({label!r}) looks like label {first} ({alike!r})")
    return labels


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else kinds.get(type(value), type(value).__name__)
