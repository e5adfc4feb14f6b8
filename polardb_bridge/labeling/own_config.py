"""A labeling config that somebody has written: `{"label_config": "<View>…</View>"}`.

What Label Studio's own validation takes can still be one that no page shows, that labels nothing, or that runs a script
of whoever wrote it on the pages of those who label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from polardb_bridge.characters import appearance
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling.checks import in_words

# As Label Studio's editor registers them, in lower case; others stop it (tests/integration/test_template_preview.py).
_EDITOR_TAGS = """
    audio audioplus bitmask bitmasklabels brush brushlabels bucket channel choice choices collapse datetime
    dialog ellipse ellipselabels filter header hypertext hypertextlabels image keypoint keypointlabels label
    labels list magicwand markdown multichannel number pagedview pairwise panel paragraphlabels paragraphs pdf
    polygon polygonlabels ranker rating rectangle rectanglelabels relation relations repeater shortcut style
    table taxonomy text textarea timelinelabels timeseries timeserieslabels vector vectorlabels video
    videorectangle view
"""
EDITOR_TAGS = frozenset(_EDITOR_TAGS.split())
# Their content is a program of its own, or a page of another server.
SCRIPT_TAGS = frozenset({"script", "iframe", "object", "embed", "custominterface", "reactcode"})
# It may hold any HTML.
_HTML = "hypertext"
_LABELS = ("Label", "Choice", "Relation")

_DECLARATION = re.compile(r"<(?:!DOCTYPE|!ENTITY|\?)", re.IGNORECASE)
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Attributes of HTML that run what they hold, or lead to it; `on` alone is an attribute of Repeater.
_HANDLER = re.compile(r"on[a-z]+", re.IGNORECASE)
_ADDRESSES = frozenset({"href", "src", "action", "formaction", "data", "apiurl"})
_SCRIPT_ADDRESS = re.compile(r"\s*javascript\s*:", re.IGNORECASE)
_SCRIPT_IN_HTML = re.compile(r"<\s*script|<[^>]*[\s/\"']on[a-z]+\s*=|javascript\s*:", re.IGNORECASE)


def checked_config(config: Any) -> str:
    """Return `config` if people can label with it.

    Raises:
        InvalidInputError: they cannot, or it would run a script; the message says what is wrong.
    """
    if not isinstance(config, str):
        raise _error(f"is not a string but {in_words(config)}")
    if not config.strip():
        raise _error("is empty")
    if _NOT_IN_XML.search(config):
        raise _error("has a character that XML cannot hold")
    if declared := _DECLARATION.search(config):
        raise _error(f"has a {declared[0]}, which Label Studio does not take: begin with <View>")
    try:
        view = ElementTree.fromstring(config)  # noqa: S314 (it declares nothing)
    except ElementTree.ParseError as wrong:
        raise _error(f"is not XML: {wrong}") from None
    if view.tag != "View":
        raise _error(f"begins with <{view.tag}>: put all of it into <View>…</View>")
    for tag in _tags(view):
        if script := _script_in(tag):
            raise _error(f"has {script}: no script may run on the pages of those who label")
    for tag in _tags(view, with_html=False):
        if tag.tag.lower() not in EDITOR_TAGS:
            raise _error(f"has a <{tag.tag}>, which Label Studio's editor does not know")
    controls = [tag for tag in _tags(view, with_html=False) if tag.get("name") and tag.get("toName")]
    if not controls:
        raise _error("has nothing to label with: no tag, such as Choices, has a name and a toName")
    if not any(_shows_field(tag) for tag in _tags(view, with_html=False)):
        raise _error('shows nothing of a task: give an Image, a Text or the like a value, such as value="$image"')
    for control in controls:
        _check_labels(control)
    return config


def labels_of_config(config: str) -> list[str]:
    """The labels that a checked config shows, each once."""
    view = ElementTree.fromstring(config)  # noqa: S314 (as above)
    return list(dict.fromkeys(tag.get("value", "") for tag in view.iter() if tag.tag in _LABELS and tag.get("value")))


def _tags(view: Element, *, with_html: bool = True) -> Iterator[Element]:
    waiting = [view]
    while waiting:
        tag = waiting.pop()
        yield tag
        if with_html or tag.tag.lower() != _HTML:
            waiting += reversed(tag)


def _script_in(tag: Element) -> str:
    """What of a tag is, or would run, a script; empty if nothing."""
    if tag.tag.lower() in SCRIPT_TAGS:
        return f"a <{tag.tag}>"
    is_html = tag.tag.lower() == _HTML
    for name, value in tag.attrib.items():
        is_markup = name.lower() == "html" or (is_html and name == "value")
        is_address = name.lower().rpartition("}")[2] in _ADDRESSES
        if _HANDLER.fullmatch(name):
            return f"the attribute {name}"
        if (is_markup and _SCRIPT_IN_HTML.search(value)) or (is_address and _SCRIPT_ADDRESS.match(value)):
            return f"a script in the attribute {name}"
    return f"a script in <{tag.tag}>" if is_html and _SCRIPT_IN_HTML.search(tag.text or "") else ""


def _shows_field(tag: Element) -> bool:
    shown = (tag.get("value") or tag.get("valueList") or "") if tag.get("name") and not tag.get("toName") else ""
    return "$" in shown


def _check_labels(control: Element) -> None:
    """See that labels can be told apart; those below one label are, among themselves."""
    name = control.get("name")
    for parent in control.iter():
        seen: dict[str, str] = {}
        for tag in parent:
            label = tag.get("value")
            if tag.tag not in _LABELS or label is None:
                continue
            shown = appearance(label)
            if not shown and not tag.get("html"):
                raise _error(f"has a label of {name!r} that nobody sees ({label!r})")
            if seen.get(shown) == label:
                raise _error(f"lists a label of {name!r} twice ({label!r})")
            if shown in seen:
                raise _error(f"has two labels of {name!r} that look alike ({seen[shown]!r} and {label!r})")
            seen[shown] = label


def _error(problem: str) -> InvalidInputError:
    return InvalidInputError(f"tp_schema: label_config {problem}.", field="tp_schema.label_config")
