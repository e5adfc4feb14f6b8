"""The registry of types, what they can be told, and what the documentation says of them."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling import COMMON, LAYOUT, TYPES, labeling_config, labels_of, needs_region, with_labels
from support.labeling_types import CLASSIFICATIONS, DOCS, PAGE, WITH_LABELS, documented, smallest

LANGUAGES = ("en", "zh")


def tags(schema: dict[str, Any], name: str) -> list[Element]:
    return list(ElementTree.fromstring(labeling_config(schema)).iter(name))


def only(schema: dict[str, Any], name: str) -> Element:
    [found] = tags(schema, name)
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_is_an_interface_that_label_studio_knows(kind: str) -> None:
    interface: Any = LabelInterface(labeling_config(smallest(kind)))
    interface.validate()
    medium = TYPES[kind].medium
    shown = interface.get_object(medium.field)
    assert (shown.tag, shown.value) == (medium.tag, f"${medium.field}")
    control = interface.get_control(TYPES[kind].name)
    assert control.to_name == [medium.field]
    if kind in WITH_LABELS:
        assert control.labels == ["cat", "dog"]


@pytest.mark.parametrize("kind", TYPES)
def test_what_all_types_can_be_told(kind: str) -> None:
    schema = smallest(kind) | {
        "field": "mine",
        "name": "said",
        "title": '<Look> & "say"',
        "model_score_threshold": 0.25,
    }
    config = labeling_config(schema)
    interface: Any = LabelInterface(config)
    interface.validate()
    assert interface.get_object("mine").value == "$mine"
    control = interface.get_control("said")
    assert control.to_name == ["mine"]
    assert control.attr["model_score_threshold"] == "0.25"
    titles = [tag.get("value") for tag in ElementTree.fromstring(config).iter("Header")]
    assert titles == ["$original_name", '<Look> & "say"']
    # Each other control is called after it, so that two of a type can stand in one interface.
    assert all(each.name.startswith("said") for each in interface.controls)


@pytest.mark.parametrize("kind", TYPES)
def test_required_is_seen_to_by_the_editor_or_by_label_studio(kind: str) -> None:
    schema = smallest(kind) | {"required": True}
    by_editor = kind in CLASSIFICATIONS or kind not in WITH_LABELS
    config = labeling_config(schema)
    assert needs_region(schema) != by_editor
    assert ('required="true"' in config) == (by_editor or kind == "OCR")
    assert not needs_region(smallest(kind))
    assert "required" not in labeling_config(smallest(kind) | {"required": False})


def test_details_of_labels() -> None:
    details = {
        "color": "#f00",
        "hotkey": "shift+d",
        "alias": "canis",
        "hint": "Any dog",
        "predicted_values": ["puppy", "猫"],
    }
    schema = {
        "type": "ObjectDetection",
        "labels": ["cat", {"value": "dog", **details}, {"value": "eel", "color": "Teal"}],
    }
    first, second, third = tags(schema, "Label")
    assert set(first.keys()) == {"value", "background"}
    assert second.attrib == {
        "value": "dog",
        "background": "#f00",
        "hotkey": "shift+d",
        "alias": "canis",
        "hint": "Any dog",
        "predicted_values": "puppy,猫",
    }
    assert third.get("background") == "Teal"
    assert labels_of(schema) == ["cat", "dog", "eel"]
    chosen = schema | {"type": "ImageClassification"}
    assert "#f00" in (tags(chosen, "Choice")[1].get("style") or "")
    assert tags(chosen, "Choice")[1].get("alias") == "canis"


def test_what_single_types_can_be_told() -> None:
    assert only(smallest("ObjectDetection") | {"rotation": False}, "RectangleLabels").get("canRotate") == "false"
    assert only(smallest("OrientedObjectDetection"), "RectangleLabels").get("canRotate") == "true"
    assert only(smallest("NamedEntityRecognition") | {"granularity": "word"}, "Text").get("granularity") == "word"
    assert only(smallest("ImageCaptioning") | {"placeholder": "…"}, "TextArea").get("placeholder") == "…"
    assert only(smallest("VideoTimeline") | {"framerate": 29.97}, "Video").get("frameRate") == "29.97"
    assert not tags(smallest("AudioSegmentation"), "TextArea")
    assert only(smallest("AudioSegmentation") | {"transcription": True}, "TextArea").get("perRegion") == "true"
    assert not tags(smallest("AudioSegmentation") | {"transcription": False}, "TextArea")
    relations = only(smallest("RelationExtraction") | {"relations": ["a", {"value": "b", "color": "red"}]}, "Relations")
    assert [(each.get("value"), each.get("background", "")[:1]) for each in relations] == [("a", "#"), ("b", "r")]
    assert not tags(smallest("RelationExtraction"), "Relations")


def test_keypoints_stand_inside_of_boxes() -> None:
    schema = {"type": "KeyPoint", "labels": ["person"], "keypoints": ["nose", "ear"]}
    assert [each.get("value") for each in only(schema, "RectangleLabels")] == ["person"]
    points = only(schema, "KeyPointLabels")
    assert points.get("name") == "keypoint"
    assert [(each.get("value"), each.get("model_index")) for each in points] == [("nose", "0"), ("ear", "1")]
    assert labels_of(schema) == ["person", "nose", "ear"]
    del schema["keypoints"]
    assert not tags(schema, "RectangleLabels")
    assert only(schema, "KeyPointLabels").get("name") == "label"


def test_a_time_series_draws_its_channels() -> None:
    said = {
        "channels": ["v", {"value": "a", "color": "#123456"}],
        "time_column": "t",
        "time_format": "%H:%M",
        "separator": "\t",
    }
    series = only(smallest("TimeSeriesSegmentation") | said, "TimeSeries")
    assert [series.get(name) for name in ("value", "valueType", "timeColumn", "timeFormat", "sep")] == [
        *("$csv", "url", "t", "%H:%M", "\t"),
    ]
    assert [(each.get("column"), each.get("strokeColor", "")[:2]) for each in series] == [("v", "#1"), ("a", "#1")]
    assert labels_of(smallest("TimeSeriesSegmentation") | said) == ["cat", "dog"]


def test_several_controls_share_what_they_show() -> None:
    boxes, quality = (
        smallest("ObjectDetection"),
        smallest("ImageClassification") | {"name": "quality", "title": "Quality"},
    )
    schema = {"controls": [boxes, quality, smallest("ImageCaptioning"), smallest("TextGeneration")], "layout": "side"}
    interface: Any = LabelInterface(labeling_config(schema))
    interface.validate()
    assert {each.name: each.to_name for each in interface.controls} == {
        **{name: ["image"] for name in ("label", "quality", "caption")},
        "answer": ["text"],
    }
    assert [tag.get("name") for name in ("Image", "Text") for tag in tags(schema, name)] == ["image", "text"]
    assert labels_of(schema) == ["cat", "dog", "cat", "dog"]
    assert labels_of(with_labels(schema, 1)) == ["cat", "cat"]
    two = {"controls": [{**boxes, "field": "before"}, {**boxes, "name": "second", "field": "after"}]}
    assert [tag.get("value") for tag in tags(two, "Image")] == ["$before", "$after"]
    twice = {"controls": [smallest("OCR"), smallest("OCR") | {"name": "stamp"}]}
    interface = LabelInterface(labeling_config(twice))
    interface.validate()


def test_fields_and_controls_of_one_name_are_told_apart() -> None:
    interface: Any = LabelInterface(labeling_config(smallest("ObjectDetection") | {"field": "label"}))
    interface.validate()
    assert interface.get_control("label").to_name == ["label_image"]
    assert interface.get_object("label_image").value == "$label"
    both = {
        "controls": [smallest("VideoTimeline"), smallest("AudioSegmentation") | {"field": "video", "name": "sound"}]
    }
    interface = LabelInterface(labeling_config(both))
    interface.validate()
    assert {each.name: each.value for each in interface.objects} == {"video": "$video", "video_audio": "$video"}


BOXES = smallest("ObjectDetection")
REFUSED = [
    (
        BOXES | {"rotate": True},
        "rotate",
        "ObjectDetection has no option 'rotate'; it has: type, labels, rotation, title,",
    ),
    (
        smallest("ImageCaptioning") | {"labels": ["a"]},
        "labels",
        "ImageCaptioning has no option 'labels'; it has: type,",
    ),
    (smallest("ImageClassification") | {"rotation": True}, "rotation", "ImageClassification has no option 'rotation'"),
    (BOXES | {"rotation": "no"}, "rotation", "rotation is not true or false but a string"),
    (BOXES | {"required": None}, "required", "required is not true or false but null"),
    (BOXES | {"title": 7}, "title", "title is not a string but a number"),
    (BOXES | {"title": " "}, "title", "title is empty"),
    (BOXES | {"title": "a\nb"}, "title", r"title \('a\\nb'\) has a control character"),
    (BOXES | {"title": "See $text"}, "title", r"title \('See \$text'\) has a \$ that the editor"),
    (BOXES | {"field": "my field"}, "field", "field 'my field' cannot be a name: use up to 64 letters"),
    (BOXES | {"field": "$image"}, "field", r"field '\$image' cannot be a name"),
    (BOXES | {"name": "7"}, "name", "name '7' cannot be a name"),
    (BOXES | {"model_score_threshold": 2}, "model_score_threshold", "is not a number from 0 to 1"),
    (BOXES | {"model_score_threshold": "0.5"}, "model_score_threshold", "is not a number from 0 to 1"),
    (BOXES | {"model_score_threshold": True}, "model_score_threshold", "is not a number from 0 to 1"),
    (BOXES | {"model_score_threshold": float("nan")}, "model_score_threshold", "is not a number from 0 to 1"),
    (smallest("VideoTimeline") | {"framerate": 0}, "framerate", "framerate is not a number from 1 to 1000"),
    ({"type": "TimeSeriesSegmentation", "labels": ["a"]}, "channels", "channels is missing"),
    (
        smallest("TimeSeriesSegmentation") | {"separator": "x"},
        "separator",
        "separator 'x' is not supported; supported: ,,",
    ),
    (smallest("KeyPoint") | {"keypoints": []}, "keypoints", "keypoints is empty; name at least one keypoint"),
    (
        smallest("KeyPoint") | {"keypoints": ["a", "a "]},
        "keypoints",
        r"keypoint 2 \('a '\) looks like keypoint 1 \('a'\)",
    ),
    (smallest("RelationExtraction") | {"relations": ["a", 1]}, "relations", "relation 2 is not a string but a number"),
    (
        smallest("RelationExtraction") | {"relations": [{"value": "a", "alias": "b"}]},
        "relations",
        "relation 1 has 'alias', which is not known; known: value, color.",
    ),
]
LABELS_REFUSED = [
    (
        [{"value": "a", "background": "red"}],
        "label 1 has 'background', which is not known; known: value, color, hotkey",
    ),
    ([{"color": "red"}], "the detail value of label 1 is not a string but null"),
    ([{"value": "a", "color": 7}], "the detail color of label 1 is not a string but a number"),
    (
        [{"value": "a", "color": "red;x:url(//e)"}],
        r"label 1 has the color 'red;x:url\(//e\)': write #rrggbb, or a name",
    ),
    ([{"value": "a", "color": "#12345"}], "label 1 has the color '#12345'"),
    ([{"value": "a", "hotkey": "a b"}], "label 1 has the hotkey 'a b': write one key"),
    (
        ["x", {"value": "a", "hotkey": "a"}, {"value": "b", "hotkey": "A"}],
        "label 3 has the hotkey 'A', and so has label 2",
    ),
    (["cat", {"value": "a", "alias": "cat"}], r"label 2 \('cat'\) is listed twice"),
    ([{"value": "a", "alias": "cat"}, "cat\u200b"], r"label 2 \('cat\\u200b'\) looks like label 1 \('cat'\)"),
    ([{"value": "a", "alias": "$x"}], r"the detail alias of label 1 \('\$x'\) has a \$"),
    ([{"value": "a", "hint": ""}], "the detail hint of label 1 is empty"),
    (
        [{"value": "a", "predicted_values": "b"}],
        "the predicted_values of label 1 are not a list of strings without commas",
    ),
    ([{"value": "a", "predicted_values": ["b,c"]}], "the predicted_values of label 1 are not a list"),
    ([{"value": "a", "predicted_values": ["b", "\x00"]}], "one of the predicted_values of label 1"),
]
CONTROLS_REFUSED = [
    ({"controls": []}, "controls", "controls is not a list of 1 to 20 objects"),
    ({"controls": {"type": "OCR"}}, "controls", "controls is not a list"),
    ({"controls": [BOXES] * 21}, "controls", "controls is not a list of 1 to 20 objects"),
    ({"controls": ["OCR"]}, "controls", "control 1 is not an object but a string"),
    ({"controls": [BOXES, {"type": "OCR"}]}, "controls", "^Control 2: tp_schema: labels is missing.$"),
    (
        {"controls": [BOXES, {**BOXES, "layout": "top"}]},
        "controls",
        "Control 2: tp_schema: ObjectDetection has no option 'layout'",
    ),
    ({"controls": [BOXES, BOXES]}, "controls", "two controls have the name 'label': give one another, as in"),
    ({"controls": [BOXES, {**BOXES, "name": "Label"}]}, "controls", "two controls have the name 'Label'"),
    ({"controls": [BOXES], "title": "x"}, "title", "there is no 'title' beside controls; there is: controls, layout"),
    ({"controls": [BOXES], "type": "OCR"}, "type", "has both type and controls: leave one of them out"),
    (
        {
            "controls": [
                smallest("OCR", {"value": "a", "hotkey": "q"}),
                smallest("TextClassification", {"value": "b", "hotkey": "Q"}) | {"name": "b"},
            ]
        },
        "controls",
        "controls 1 and 2 both have the hotkey 'q'",
    ),
    (
        {
            "controls": [
                smallest("NamedEntityRecognition"),
                smallest("RelationExtraction") | {"name": "b", "granularity": "word"},
            ]
        },
        "controls",
        r"two controls show \$text with another granularity",
    ),
    (
        {
            "controls": [
                smallest("TimeSeriesSegmentation"),
                smallest("TimeSeriesClassification") | {"name": "b", "channels": ["x"]},
            ]
        },
        "controls",
        r"two controls show \$csv with another channels",
    ),
]


@pytest.mark.parametrize(
    ("schema", "field", "said"),
    [*REFUSED, *(({**BOXES, "labels": labels}, "labels", said) for labels, said in LABELS_REFUSED), *CONTROLS_REFUSED],
)
def test_what_cannot_be_is_refused_in_words(schema: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=said) as refused:
        labeling_config(schema)
    assert refused.value.field == f"tp_schema.{field}"


@pytest.mark.parametrize("title", documented())
def test_each_example_of_the_documentation_is_taken(title: str) -> None:
    example = documented()[title]
    interface: Any = LabelInterface(labeling_config(example))
    interface.validate()
    if title in TYPES:
        assert example["type"] == title


def test_each_type_and_option_is_documented() -> None:
    assert set(TYPES) <= set(documented())
    assert list(documented().values()) == list(documented("zh").values())
    options = {option.name for kind in TYPES.values() for option in kind.options} | {
        each.name for each in (*COMMON, LAYOUT)
    }
    for language in LANGUAGES:
        text = (DOCS / language / PAGE).read_text(encoding="utf-8")
        assert not [name for name in options if not re.search(rf"`[^`\n]*{name}[^`\n]*`", text)]
        [table] = re.findall(r"^\|---\|---\|---\|\n((?:\|.*\n)+)", text, re.MULTILINE)
        listed = [re.findall(r"`(\w+)`", row) for row in table.splitlines()]
        assert {field: set(kinds) for field, *kinds in listed} == {
            field: {name for name, kind in TYPES.items() if kind.medium.field == field} for field, *_ in listed
        }
