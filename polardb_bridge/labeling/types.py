"""The types of labeling that a template can ask for, by the name that its `tp_schema` gives: `TYPES`.

An entry is all that a new type needs: the pages offer it with its options, and the documentation's tables are compared
with it (tests/unit/test_labeling_types.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from typing import Any

from polardb_bridge.labeling.labels import COLOR
from polardb_bridge.labeling.options import Kind, Option


@dataclass(frozen=True)
class Medium:
    """What is labeled. tag: what shows it; field: of the task, unless a template names another."""

    tag: str
    field: str
    attributes: Mapping[str, str] = with_default(default_factory=dict)


@dataclass(frozen=True)
class Control:
    """A tag that people label with. labels: the option that its labels come from, each of them an `item`.

    name: empty for the control that gives a template its name; others are called after it. is_relation: it stands
    between regions, and has no name.
    given: the option that it needs to be there; missing: the option that takes its place.
    """

    tag: str
    attributes: Mapping[str, str] = with_default(default_factory=dict)
    name: str = ""
    labels: str = ""
    item: str = "Label"
    is_relation: bool = False
    given: str = ""
    missing: str = ""

    @property
    def can_be_required(self) -> bool:
        """Whether the editor itself sees that it is used (editor: RequiredMixin)."""
        return self.tag in ("Choices", "TextArea")

    @property
    def is_for_regions(self) -> bool:
        return self.attributes.get("perRegion") == "true"

    def is_there(self, values: Mapping[str, Any]) -> bool:
        return bool((not self.given or values[self.given]) and (not self.missing or not values[self.missing]))


@dataclass(frozen=True)
class LabelingType:
    """options: beside those that all types have. hint: what people are told who have chosen no label yet.

    name: of its control, unless a template names another.
    """

    medium: Medium
    controls: tuple[Control, ...]
    options: tuple[Option, ...]
    hint: str = ""
    name: str = "label"

    @property
    def all_options(self) -> tuple[Option, ...]:
        return (*self.options, *COMMON)


REQUIRED = "required"
THRESHOLD = "model_score_threshold"
# What all types know. `layout` is of the whole template.
COMMON = (
    Option("title", Kind.TEXT),
    Option(REQUIRED, Kind.FLAG),
    Option("field", Kind.NAME),
    Option("name", Kind.NAME),
    Option(THRESHOLD, Kind.NUMBER),
)
# Where labels are; the first unless `layout` says otherwise.
LAYOUT = Option("layout", Kind.CHOICE, ("top", "side"))

_LABELS = Option("labels", Kind.LABELS, one="label", is_needed=True)
_KEYPOINTS = Option("keypoints", Kind.LABELS, one="keypoint")
_RELATIONS = Option("relations", Kind.LABELS, one="relation", details=(COLOR,))
_ROTATION = Option("rotation", Kind.FLAG, is_on=True, attribute="canRotate")
_CHOICE = Option("choice", Kind.CHOICE, ("single", "multiple"), attribute="choice")
# Side by side: true above what is shown, false beside it, unless it says otherwise.
IN_LINE = Option("showInLine", Kind.FLAG, is_on=True, attribute="showInline")
_GRANULARITY = Option(
    "granularity", Kind.CHOICE, ("symbol", "word", "sentence", "paragraph"), attribute="granularity", on_shown=True
)
_PLACEHOLDER = Option("placeholder", Kind.TEXT, attribute="placeholder")
_TRANSCRIPTION = Option("transcription", Kind.FLAG)
_FRAME_RATE = Option("framerate", Kind.NUMBER, range=(1, 1000), attribute="frameRate", on_shown=True)
_CHANNELS = Option("channels", Kind.LABELS, one="channel", details=(COLOR,), is_needed=True)
_SERIES = (
    _CHANNELS,
    Option("time_column", Kind.TEXT, attribute="timeColumn", on_shown=True),
    Option("time_format", Kind.TEXT, attribute="timeFormat", on_shown=True),
    Option("separator", Kind.CHOICE, (",", ";", "|", "\t"), attribute="sep", on_shown=True),
)
CHANNELS = _CHANNELS.name

_IMAGE = Medium("Image", "image", {f"{tool}Control": "true" for tool in ("zoom", "brightness", "contrast")})
_TEXT = Medium("Text", "text")
_AUDIO = Medium("Audio", "audio")
_VIDEO = Medium("Video", "video")
_CSV = Medium("TimeSeries", "csv", {"valueType": "url"})

_LINES = {"strokeWidth": "3", "opacity": "0.2"}
# What stands in `_` is translated by whoever shows it.
_ = str
_BOX = _("Choose a label, then draw a box.")
_SHAPE = _("Choose a label, then click at each corner.")
_BRUSH = _("Choose a label, then paint.")
_POINT = _("Choose a label, then click at the point.")
_WORDS = _("Choose a label, then select words.")
_SPAN = _("Choose a label, then drag over the part.")

_RECTANGLES = Control("RectangleLabels", _LINES, labels="labels")
_MARKS = Control("Labels", labels="labels")
_CHOSEN = (Control("Choices", labels="labels", item="Choice"),)
_CHOSEN_OPTIONS = (_LABELS, _CHOICE, IN_LINE)
_WRITTEN = (Control("TextArea", {"rows": "4", "editable": "true", "maxSubmissions": "1"}),)
_WRITTEN_OF_REGION = {"perRegion": "true", "editable": "true", "maxSubmissions": "1", "rows": "2"}

TYPES: Mapping[str, LabelingType] = {
    "ObjectDetection": LabelingType(_IMAGE, (_RECTANGLES,), (_LABELS, _ROTATION), _BOX),
    "OrientedObjectDetection": LabelingType(
        _IMAGE,
        (Control("RectangleLabels", {**_LINES, "canRotate": "true", "model_obb": "true"}, labels="labels"),),
        (_LABELS,),
        _BOX,
    ),
    "ImageClassification": LabelingType(_IMAGE, _CHOSEN, _CHOSEN_OPTIONS),
    "InstanceSegmentation": LabelingType(
        _IMAGE, (Control("PolygonLabels", _LINES, labels="labels"),), (_LABELS,), _SHAPE
    ),
    "SemanticSegmentation": LabelingType(_IMAGE, (Control("BrushLabels", labels="labels"),), (_LABELS,), _BRUSH),
    # With `keypoints`, objects are boxes and their points stand inside: without both, Label Studio exports no COCO and
    # YOLO of them (label_studio_sdk/converter/converter.py, converter/keypoints.py).
    "KeyPoint": LabelingType(
        _IMAGE,
        (
            Control("KeyPointLabels", labels="labels", missing="keypoints"),
            Control("RectangleLabels", _LINES, labels="labels", given="keypoints"),
            Control("KeyPointLabels", name="keypoint", labels="keypoints", given="keypoints"),
        ),
        (_LABELS, _KEYPOINTS),
        _POINT,
    ),
    "OCR": LabelingType(
        _IMAGE,
        (
            _MARKS,
            Control("Rectangle", {"strokeWidth": "3"}, name="bbox"),
            Control("Polygon", {"strokeWidth": "3"}, name="poly"),
            Control("TextArea", {**_WRITTEN_OF_REGION, "displayMode": "region-list"}, name="transcription"),
        ),
        (_LABELS,),
        _BOX,
    ),
    "ImageCaptioning": LabelingType(_IMAGE, _WRITTEN, (_PLACEHOLDER,), name="caption"),
    "TextClassification": LabelingType(_TEXT, _CHOSEN, _CHOSEN_OPTIONS),
    "NamedEntityRecognition": LabelingType(_TEXT, (_MARKS,), (_LABELS, _GRANULARITY), _WORDS),
    "RelationExtraction": LabelingType(
        _TEXT,
        (_MARKS, Control("Relations", labels="relations", item="Relation", is_relation=True, given="relations")),
        (_LABELS, _RELATIONS, _GRANULARITY),
        _WORDS,
    ),
    "TextGeneration": LabelingType(_TEXT, _WRITTEN, (_PLACEHOLDER,), name="answer"),
    "AudioClassification": LabelingType(_AUDIO, _CHOSEN, _CHOSEN_OPTIONS),
    "AudioTranscription": LabelingType(_AUDIO, _WRITTEN, (_PLACEHOLDER,), name="transcription"),
    "AudioSegmentation": LabelingType(
        _AUDIO,
        (_MARKS, Control("TextArea", _WRITTEN_OF_REGION, name="transcription", given="transcription")),
        (_LABELS, _TRANSCRIPTION),
        _SPAN,
    ),
    "VideoClassification": LabelingType(_VIDEO, _CHOSEN, (*_CHOSEN_OPTIONS, _FRAME_RATE)),
    "VideoObjectTracking": LabelingType(
        _VIDEO,
        (_MARKS, Control("VideoRectangle", name="box")),
        (_LABELS, _FRAME_RATE),
        _BOX,
    ),
    "VideoTimeline": LabelingType(_VIDEO, (Control("TimelineLabels", labels="labels"),), (_LABELS, _FRAME_RATE), _SPAN),
    "TimeSeriesSegmentation": LabelingType(
        _CSV, (Control("TimeSeriesLabels", labels="labels"),), (_LABELS, *_SERIES), _SPAN
    ),
    "TimeSeriesClassification": LabelingType(_CSV, _CHOSEN, (*_CHOSEN_OPTIONS, *_SERIES)),
}
