from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling import SUPPORTED_TYPES, labeling_config, labels_of, with_labels
from support.labeling_types import CLASSIFICATIONS, WITH_LABELS, smallest


def schema(*labels: object, kind: str = "ObjectDetection") -> dict[str, Any]:
    return {**smallest(kind), "labels": list(labels)}


def test_a_schema_becomes_rectangle_labels_on_the_image_with_its_name_above() -> None:
    config = labeling_config(schema("cat", "dog"))
    interface: Any = LabelInterface(config)
    interface.validate()
    control = interface.get_control("label")
    assert control.tag == "RectangleLabels"
    assert control.to_name == ["image"]
    assert control.labels == ["cat", "dog"]
    image = interface.get_object("image")
    assert (image.tag, image.value) == ("Image", "$image")
    style, header, *others = ElementTree.fromstring(config)
    assert style.tag == "Style"
    assert (header.tag, header.get("value")) == ("Header", "$original_name")
    assert [element.tag for element in others] == ["View", "Image"]
    assert [element.tag for element in others[0]] == ["RectangleLabels"]


def test_labels_may_be_beside_the_image() -> None:
    config = labeling_config(schema("cat", "dog") | {"layout": "side"})
    interface: Any = LabelInterface(config)
    interface.validate()
    assert interface.get_control("label").labels == ["cat", "dog"]
    _style, _header, sides = ElementTree.fromstring(config)
    assert [[element.tag for element in side] for side in sides] == [["Image"], ["RectangleLabels"]]


@pytest.mark.parametrize(("kind", "shown"), [("ImageClassification", "Image"), ("TextClassification", "Text")])
def test_a_classification_becomes_choices_on_what_is_shown(kind: str, shown: str) -> None:
    config = labeling_config(schema("cat", "dog", kind=kind))
    interface: Any = LabelInterface(config)
    interface.validate()
    control = interface.get_control("label")
    assert (control.tag, control.to_name, control.labels) == ("Choices", [shown.lower()], ["cat", "dog"])
    found = interface.get_object(shown.lower())
    assert (found.tag, found.value) == (shown, f"${shown.lower()}")
    header, *others = ElementTree.fromstring(config)
    assert (header.tag, header.get("value")) == ("Header", "$original_name")
    assert [element.tag for element in others] == ["View", shown]


@pytest.mark.parametrize("kind", CLASSIFICATIONS)
def test_one_label_is_chosen_or_several_side_by_side_or_in_a_column(kind: str) -> None:
    def choices(**members: Any) -> tuple[str | None, str | None]:
        [tag] = ElementTree.fromstring(labeling_config(schema("cat", kind=kind) | members)).iter("Choices")
        return tag.get("choice"), tag.get("showInline")

    assert choices() == ("single", "true")
    assert choices(choice="multiple") == ("multiple", "true")
    assert choices(layout="side") == ("single", "false")
    assert choices(layout="side", showInLine=True) == ("single", "true")
    assert choices(showInLine=False) == ("single", "false")


@pytest.mark.parametrize(("kind", "tag"), [("ImageClassification", "Image"), ("TextClassification", "Text")])
def test_choices_may_be_beside_what_is_shown(kind: str, tag: str) -> None:
    _header, sides = ElementTree.fromstring(labeling_config(schema("cat", kind=kind) | {"layout": "side"}))
    assert [[element.tag for element in side] for side in sides] == [[tag], ["Choices"]]


def test_only_who_marks_regions_is_told_to_choose_a_label_first() -> None:
    for kind in SUPPORTED_TYPES:
        config = labeling_config(smallest(kind), lambda hint: f"translated: {hint}")
        is_told = kind in WITH_LABELS and kind not in CLASSIFICATIONS
        assert ("translated: Choose a label, then" in config) == is_told


@pytest.mark.parametrize("kind", WITH_LABELS)
def test_each_label_has_a_colour_of_its_own(kind: str) -> None:
    view = ElementTree.fromstring(labeling_config(schema(*map(str, range(20)), kind=kind)))
    labels = [*view.iter("Label"), *view.iter("Choice")]
    looks = [label.get("background") or label.get("style") or "" for label in labels]
    assert len(set(looks)) == 20
    assert all(re.search("#[0-9a-f]{6}", look) for look in looks)


@pytest.mark.parametrize("kind", WITH_LABELS)
@pytest.mark.parametrize(
    "label",
    ["<b>", "a & b", "say \"hi\" 'now'", "猫", "😀 cat", "]]>", "&amp;", "x" * 500, "7", "true", 'name="label"'],
)
def test_any_label_survives(kind: str, label: str) -> None:
    config = labeling_config(schema(label, kind=kind))
    view = ElementTree.fromstring(config)
    assert [element.get("value") for element in (*view.iter("Label"), *view.iter("Choice"))] == [label]
    interface: Any = LabelInterface(config)
    assert interface.get_control("label").labels == [label]


@pytest.mark.parametrize("kind", WITH_LABELS)
def test_hundreds_of_labels_keep_their_order(kind: str) -> None:
    labels = [f"<{number}> \"🐈\" & '猫'" for number in range(500)]
    interface: Any = LabelInterface(labeling_config(schema(*labels, kind=kind)))
    assert interface.get_control("label").labels == labels
    assert labels_of(schema(*labels, kind=kind)) == labels
    assert labels_of(with_labels(schema(*labels, kind=kind), 3)) == labels[:3]


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        (None, "tp_schema", "not a JSON object but null"),
        ([], "tp_schema", "not a JSON object but a list"),
        ("cat", "tp_schema", "not a JSON object but a string"),
        ({}, "tp_schema.type", "type is missing; supported: ObjectDetection, OrientedObjectDetection, "),
        (
            {"type": "Segmentation", "labels": ["a"]},
            "tp_schema.type",
            "'Segmentation' is not supported; supported: Obj",
        ),
        ({"type": ["ObjectDetection"], "labels": ["a"]}, "tp_schema.type", "is not supported"),
        ({"type": "ObjectDetection"}, "tp_schema.labels", "labels is missing"),
        ({"type": "ImageClassification"}, "tp_schema.labels", "labels is missing"),
        ({"type": "TextClassification", "labels": ["a", "a"]}, "tp_schema.labels", "is listed twice"),
        (
            schema("cat", kind="TextClassification") | {"choice": "many"},
            "tp_schema.choice",
            "choice 'many' is not supp",
        ),
        (schema("cat", kind="ImageClassification") | {"choice": ["single"]}, "tp_schema.choice", "is not supported"),
        (
            schema("cat", kind="ImageClassification") | {"showInLine": 1},
            "tp_schema.showInLine",
            "not true or false but a",
        ),
        (schema("cat") | {"label_config": "<View/>"}, "tp_schema.type", "has both type and label_config"),
        (
            schema("cat") | {"layout": "left"},
            "tp_schema.layout",
            "layout 'left' is not supported; supported: top",
        ),
        (schema("cat") | {"layout": None}, "tp_schema.layout", "layout None is not supported"),
        ({"type": "ObjectDetection", "labels": "cat"}, "tp_schema.labels", "labels is not a list but a string"),
        (schema(), "tp_schema.labels", "labels is empty"),
        (schema("cat", 3), "tp_schema.labels", "label 2 is not a string but a number"),
        (schema("cat", None), "tp_schema.labels", "label 2 is not a string but null"),
        (schema(""), "tp_schema.labels", "label 1 is empty"),
        (schema("\u200b"), "tp_schema.labels", "label 1 is empty"),
        (schema("cat", " "), "tp_schema.labels", "label 2 is empty"),
        (schema("cat", "dog", "cat"), "tp_schema.labels", r"label 3 \('cat'\) is listed twice"),
        (schema("a\x00b"), "tp_schema.labels", "control character"),
        (schema("a\tb"), "tp_schema.labels", "control character"),
    ],
)
def test_a_wrong_schema_is_refused_with_the_field(value: Any, field: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        labeling_config(value)
    assert caught.value.field == field


FIELDS = [
    "$image",
    "$",
    "$ 5",
    " $image",
    "\u200b$image",
    "x $image",
    "100% ${x}",
    "cost $5",
    "(US$id)",
    "a$[0]",
    "a$.b",
]


@pytest.mark.parametrize("label", FIELDS)
def test_the_editor_would_show_data_in_place_of_a_label_with_a_dollar_sign(label: str) -> None:
    with pytest.raises(InvalidInputError, match=r"label 2 \('.*'\) has a \$ that the editor"):
        labeling_config(schema("cat", label))


@pytest.mark.parametrize("label", ["5 $", "US$ 5", "a$-b", "价$格"])
def test_a_dollar_sign_elsewhere_is_shown(label: str) -> None:
    assert labeling_config(schema("cat", label))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("cat", "cat "),
        ("cat", "\u200bcat"),
        ("a cat", "a\u00a0cat"),
        ("a cat", "a  cat"),
        ("caf\u00e9", "cafe\u0301"),
        ("cat", "c\u200dat"),
        ("cat", "cat\ufeff"),
        ("\u2764", "\u2764\ufe0f"),
        ("\u732b", "\u732b\u3000"),
    ],
)
def test_labels_that_look_alike_are_refused_with_both_positions(first: str, second: str) -> None:
    for one, other in ((first, second), (second, first)):
        with pytest.raises(InvalidInputError) as refused:
            labeling_config(schema("dog", one, "horse", other))
        assert f"label 4 ({other!r}) looks like label 2 ({one!r})" in str(refused.value)


def test_joiners_tell_labels_apart_where_they_join() -> None:
    persian, family = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f468\u200d\U0001f469"
    labels = [
        text for joined in (persian, family) for text in (joined, joined.replace("\u200c", "").replace("\u200d", ""))
    ]
    assert labeling_config(schema(*labels))
