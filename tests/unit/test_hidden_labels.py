"""Labels that the editor knows and nobody can choose."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from lxml import etree

from polardb_bridge.labeling.hidden_labels import with_hidden_labels

CONFIG = """<?xml version="1.0"?>
<!-- Tiere: 猫 -->
<View><Style><![CDATA[.a > .b {}]]></Style><Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image" ><Label value="cat"/><!-- </RectangleLabels> --></RectangleLabels >
  <PolygonLabels name='猫&amp;狗' toName="image"><View><Label value="cat"/></View></PolygonLabels>
  <Choices name="choice" toName="image"><Choice value="a"/></Choices>
</View>"""


def labels_of(config: str, control: str) -> list[str]:
    """As Label Studio reads them."""
    return list(parse_config(config.partition("?>")[2])[control]["labels"])  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "labels",
    [
        ["dog"],
        ["a<b", "a&b", "&amp;", "\"'", "]]>", " two  blanks ", "line\nbreak\ttab\r", "大熊猫 🐼", "-->", "$image"],
    ],
)
def test_labels_are_added_after_those_of_their_control_and_all_else_stays(labels: Sequence[str]) -> None:
    changed = with_hidden_labels(CONFIG, {"label": labels, "猫&狗": labels, "gone": labels})
    assert labels_of(changed, "label") == labels_of(changed, "猫&狗") == ["cat", *labels]
    assert labels_of(changed, "choice") == ["a"]
    tree = etree.fromstring(changed.encode())
    added = [tag for tag in tree.iter("Label") if tag.get("visible") == "false"]
    assert len(added) == 2 * len(labels)
    assert {tag.getparent().get("name") for tag in added} == {"label", "猫&狗"}
    for tag in added:
        tag.getparent().remove(tag)
    assert etree.tostring(tree) == etree.tostring(etree.fromstring(CONFIG.encode()))


@pytest.mark.parametrize("label", ["\x00", "a\x08", "\ud800", "\uffff"])
def test_what_xml_cannot_hold_breaks_no_editor(label: str) -> None:
    assert labels_of(with_hidden_labels(CONFIG, {"label": [label, "dog"]}), "label") == ["cat", "dog"]


@pytest.mark.parametrize(
    "config",
    [
        "",
        "<View>",
        "<View><Labels name='label'/></View>",
        "<Labels><Labels name='label'/></Labels>",
        "not XML",
        "<a/><b/>",
    ],
)
def test_what_has_no_place_for_labels_stays(config: str) -> None:
    assert with_hidden_labels(config, {"label": ["dog"]}) == config
