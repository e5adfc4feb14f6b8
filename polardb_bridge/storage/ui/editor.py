"""The editor of mappings, for pages beside the wizard: one script and one style sheet, which know no framework."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from polardb_bridge.storage.ui import words

_HERE = Path(__file__).parent
STYLES = _HERE / "mapping" / "mapping.css"


@cache
def editor_script(language: str) -> str:
    """What defines `startMapping` and the functions for texts, for a script to begin with; in the active language."""
    parts = [
        (_HERE / name).read_text(encoding="utf-8")
        for name in ("wizard/texts.js", "mapping/words.js", "mapping/editor.js")
    ]
    constants = {
        "LANGUAGE": "zh" if language.startswith("zh") else "en",
        "TEXTS": words.translations(words.said_in("\n".join(parts))),
        "WORDS": {},
    }
    return "\n".join([*(f"const {name} = {json.dumps(value)};" for name, value in constants.items()), *parts])
