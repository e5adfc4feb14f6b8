"""What a person does to label the first task of each of the documentation's examples, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from support.labeling_screen import LabelingScreen, box_of

Action = Callable[[LabelingScreen], object]


def box(label: str) -> Action:
    def draw(screen: LabelingScreen) -> None:
        screen.label(label)
        screen.drag((0.2, 0.2), (0.6, 0.7))
        screen.expect_regions(1)

    return draw


def polygon(screen: LabelingScreen) -> None:
    screen.label("road")
    # The first corner again closes it.
    screen.click((0.2, 0.2), (0.6, 0.2), (0.6, 0.6), (0.2, 0.2))
    screen.expect_regions(1)


def brush(screen: LabelingScreen) -> None:
    screen.label("water")
    screen.drag((0.3, 0.3), (0.6, 0.6))
    screen.expect_regions(1)


def points(screen: LabelingScreen) -> None:
    box("person")(screen)
    screen.page.keyboard.press("Escape")
    screen.label("nose")
    # Without it, a click in a box chooses the box.
    screen.page.keyboard.down("Control")
    screen.click((0.4, 0.4))
    screen.page.keyboard.up("Control")
    screen.expect_regions(2)


def letters(screen: LabelingScreen) -> None:
    box("printed")(screen)
    screen.write("Hello", key="Enter")


def words(screen: LabelingScreen) -> None:
    screen.label("person")
    screen.select("Charles Babbage")
    screen.expect_regions(1)


def relation(screen: LabelingScreen) -> None:
    for label, text in (("person", "Ada Lovelace"), ("company", "Charles Babbage")):
        screen.label(label)
        screen.select(text)
    screen.expect_regions(2)
    screen.click_text("Ada Lovelace")
    screen.page.keyboard.press("Alt+r")
    screen.click_text("Charles Babbage")


def sound(screen: LabelingScreen) -> None:
    screen.label("speaker 1")
    screen.drag((0.2, 0.5), (0.5, 0.5), box_of(screen.page.locator("[class*=audio] canvas").first))
    screen.expect_regions(1)
    screen.regions.first.click()
    screen.write("bang")


def track(screen: LabelingScreen) -> None:
    screen.label("car")
    screen.drag((0.3, 0.3), (0.6, 0.6))
    screen.expect_regions(1)


def timeline(screen: LabelingScreen) -> None:
    screen.label("intro")
    # A lane as long as the film, of which the beginning is seen.
    screen.drag((0.002, 0.5), (0.02, 0.5), box_of(screen.page.locator(".lsf-keypoints__keypoints").first))
    screen.expect_regions(1)


def series(screen: LabelingScreen) -> None:
    screen.label("run")
    screen.drag((0.2, 0.5), (0.5, 0.5), box_of(screen.page.locator("svg .overlay").first))
    screen.expect_regions(1)


def several(screen: LabelingScreen) -> None:
    box("cat")(screen)
    screen.choose("sharp")
    screen.write("A cat")


def chosen(*labels: str) -> Action:
    def choose(screen: LabelingScreen) -> None:
        for label in labels:
            screen.choose(label)

    return choose


def written(text: str) -> Action:
    return lambda screen: screen.write(text)


def heard(action: Action) -> Action:
    """As soon as the sound is there: what is done before is gone when it comes."""

    def act(screen: LabelingScreen) -> None:
        box_of(screen.page.locator("[class*=audio] canvas").first)
        action(screen)

    return act


# By the heading of the example: what is done, and the types of what stands in the row then.
ACTIONS: Mapping[str, tuple[Action, list[str]]] = {
    "ObjectDetection": (box("cat"), ["rectanglelabels"]),
    "OrientedObjectDetection": (box("ship"), ["rectanglelabels"]),
    "ImageClassification": (chosen("day", "night"), ["choices"]),
    "InstanceSegmentation": (polygon, ["polygonlabels"]),
    "SemanticSegmentation": (brush, ["brushlabels"]),
    "KeyPoint": (points, ["rectanglelabels", "keypointlabels"]),
    "OCR": (letters, ["rectangle", "labels", "textarea"]),
    "ImageCaptioning": (written("A teal picture"), ["textarea"]),
    "TextClassification": (chosen("positive"), ["choices"]),
    "NamedEntityRecognition": (words, ["labels"]),
    "RelationExtraction": (relation, ["labels", "labels", "relation"]),
    "TextGeneration": (written("In London."), ["textarea"]),
    "AudioClassification": (heard(chosen("music")), ["choices"]),
    "AudioTranscription": (heard(written("Boing")), ["textarea"]),
    "AudioSegmentation": (sound, ["labels", "textarea"]),
    "VideoClassification": (chosen("goal"), ["choices"]),
    "VideoObjectTracking": (track, ["videorectangle"]),
    "VideoTimeline": (timeline, ["timelinelabels"]),
    "TimeSeriesSegmentation": (series, ["timeserieslabels"]),
    "TimeSeriesClassification": (chosen("healthy"), ["choices"]),
    "Several in one interface": (several, ["rectanglelabels", "choices", "textarea"]),
    "An interface of your own": (box("cat"), ["ellipselabels"]),
}
