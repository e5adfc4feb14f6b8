"""Label Studio's labeling editor on a page of its own, for a preview of a labeling config.

The editor is a part of Label Studio's frontend that its pages load when they need it (apps/labelstudio, Preview.jsx),
by numbers that the build has given. `preview.js` loads the same parts without starting the rest of the frontend, and
uses the editor as its documentation says (https://labelstud.io/guide/frontend): `new LabelStudio(element, options)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.label_config import generate_sample_task_without_check, parse_config_to_xml

# Where the frontend loads one of its parts: `Promise.all([n.e(502),n.e(358)]).then(n.bind(n,41607))`.
_LOADED = re.compile(r"Promise\.all\(\[((?:\w\.e\(\d+\),?)+)\]\)\.then\(\w\.bind\(\w,(\d+)\)\)")
_NUMBER = re.compile(r"\((\d+)\)")
# What the editor's part does with its class (libs/editor/src/index.js).
_OFFERED = "window.LabelStudio="

# What a tag shows of a task, if it is a field and nothing around it.
_SHOWN = re.compile(r"\$(\w+)")

SCRIPT = Path(__file__).with_name("preview.js")


@dataclass(frozen=True)
class Editor:
    """What to load for the editor. chunks: the numbers of files; module: what to run when they are there."""

    chunks: tuple[int, ...]
    module: int


@lru_cache(maxsize=1)
def find_editor(react_app: Path) -> Editor | None:
    """The editor of the frontend in the folder `react_app`; None if that is built in a way that is not known."""
    try:
        loaded = set(_LOADED.findall((react_app / "main.js").read_text(encoding="utf-8")))
    except OSError:
        return None
    found = [
        Editor(chunks, int(module))
        for numbers, module in loaded
        if _offers_editor(react_app, chunks := tuple(map(int, _NUMBER.findall(numbers))))
    ]
    return found[0] if len(found) == 1 else None


def _offers_editor(react_app: Path, chunks: tuple[int, ...]) -> bool:
    # The first chunks may be in files of other names, which pages load by themselves.
    files = [file for number in chunks if (file := react_app / f"{number}.js").exists()]
    return any(_OFFERED in file.read_text(encoding="utf-8") for file in files)


@dataclass(frozen=True)
class SampleTask:
    """data: what a task holds that a labeling config can be looked at with, by field.

    pictures: the fields to put a picture into, each with whether it is a list of them.
    """

    data: dict[str, Any]
    pictures: dict[str, bool]


def sample_task(config: str, text: str) -> SampleTask:
    """A task for a labeling config. text: what its texts are; all that is neither is Label Studio's own sample."""
    try:
        data: dict[str, Any] = generate_sample_task_without_check(config, mode="editor_preview")
    except IndexError:  # of a field such as `$images[`, which the editor does not find either
        data = {}
    xml: Any = parse_config_to_xml(config)
    pictures = {}
    for tag in xml.iter():
        for attribute in ("value", "valueList"):
            if field := _SHOWN.fullmatch(tag.get(attribute, "")):
                if tag.tag == "Image":
                    pictures[field[1]] = attribute == "valueList"
                elif tag.tag == "Text" and tag.get("valueType") != "url":
                    data[field[1]] = text
    return SampleTask(data, pictures)
