"""A labeling config with labels that its editor knows and nobody can choose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# - No button.
# - A key that no keyboard has (a private character of Unicode): the editor gives one to each label without.
# - Not for what is drawn while a region that has it is selected: that region has used it up.
_NOT_TO_BE_CHOSEN = 'visible="false" hotkey="\ue000" maxUsages="1"'


def with_hidden_labels(config: str, labels: Mapping[str, Iterable[str]]) -> str:
    """`config` with these labels, by the name of their control, after its own; all else stays to the letter.

    The editor names regions by them and shows no button for them. Controls without anything inside, and labels that XML
    cannot hold, are left out.
    """
    text = config.encode()
    parser = expat.ParserCreate("utf-8")
    names: list[str] = []
    parents: list[bool] = [False]  # of the root, and of each open tag: whether there is a tag inside
    ends: list[tuple[int, str]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        parents[-1] = True
        parents.append(False)
        names.append(attributes.get("name", ""))

    def end(tag: str) -> None:
        name = names.pop()
        if parents.pop() and name in labels:
            ends.append((parser.CurrentByteIndex, name))

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(text, True)
    except expat.ExpatError:
        return config
    for position, name in reversed(ends):
        hidden = "".join(
            f"<Label value={quoteattr(label)} {_NOT_TO_BE_CHOSEN}/>"
            for label in labels[name]
            if not _NOT_IN_XML.search(label)
        )
        text = text[:position] + hidden.encode() + text[position:]
    return text.decode()
