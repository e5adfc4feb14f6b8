"""The labels in results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from polardb_bridge.errors import RowError
from polardb_bridge.table.text import shown

_KEYS = ("from_name", "type", "value")
# Where a value holds its labels, unless it is under the region's own type.
_HELD_AS = {"videorectangle": "labels"}
_LISTED = 5


def labels_in(result: Any) -> Iterator[tuple[Any, str]]:
    """What names the control, and the label, of each label of a result, as Label Studio's editor has them.

    A region has labels, and so has a choice for a whole task. Of a path in a taxonomy each part counts, as in Label
    Studio's own figures (projects/models.py, _get_labels).
    """
    for region in result if isinstance(result, list) else ():
        control, kind, value = map(region.get, _KEYS) if isinstance(region, dict) else (None, None, None)
        labels = value.get(_HELD_AS.get(kind, kind)) if isinstance(kind, str) and isinstance(value, dict) else None
        for label in labels if isinstance(labels, list) else ():
            for part in label if kind == "taxonomy" and isinstance(label, list) else (label,):
                if isinstance(part, str):
                    yield control, part


def only_label(result: Any) -> str | None:
    """The label that is chosen for the whole row; None if none is.

    Raises:
        RowError: several are, so that no one of them is the row's.
    """
    choices = [region for region in result or () if isinstance(region, dict) and region.get("type") == "choices"]
    labels = list(dict.fromkeys(label for _, label in labels_in(choices)))
    if len(labels) > 1:
        raise RowError(
            f"The result has several labels, and the column takes one: {', '.join(map(shown, labels[:_LISTED]))}."
        )
    return labels[0] if labels else None
