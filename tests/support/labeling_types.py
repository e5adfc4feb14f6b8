"""Templates of each type: the smallest ones, and the documentation's examples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from polardb_bridge.labeling import TYPES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "reference/labeling-types.md"
# Those with a list of labels; in the others, people write.
WITH_LABELS = [name for name, kind in TYPES.items() if any(option.name == "labels" for option in kind.options)]
CLASSIFICATIONS = [name for name in TYPES if name.endswith("Classification")]


def smallest(kind: str, *labels: object) -> dict[str, Any]:
    """A template of the type with all that it needs and no more."""
    needed = {option.name for option in TYPES[kind].options if option.is_needed}
    lists = {"labels": list(labels) or ["cat", "dog"], "channels": ["velocity"]}
    return {"type": kind, **{name: values for name, values in lists.items() if name in needed}}


def documented(language: str = "en") -> dict[str, dict[str, Any]]:
    """By the heading that it stands below, the example of each type, and those of several and of one's own."""
    text = (DOCS / language / PAGE).read_text(encoding="utf-8")
    sections = re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return {
        title: json.loads(found[1])
        for title, body in sections
        if (found := re.search(r"```json\n(.*?)```", body, re.DOTALL))
    }
