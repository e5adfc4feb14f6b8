"""The editor of templates in Chromium: its fields and text, and the preview, which is Label Studio's own editor."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Frame, Locator, Page, Route, expect

from polardb_bridge.labeling import TYPES
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.accessibility import expect_accessible, looks
from support.labeling_types import WITH_LABELS
from support.source_data import LABELS, TABLE, Source, base64_text, image_bytes, url_of
from support.storage_page import ADMINISTRATOR, LabelStudio, log_in

pytestmark = pytest.mark.browser

# By type, what of Label Studio's editor shows what is labeled, or takes what is written.
PREVIEWED = {
    "OCR": ".konvajs-content canvas",
    "ImageCaptioning": "textarea",
    "RelationExtraction": "text=A sample text",
    "AudioSegmentation": "[class*=audio]",
    "VideoTimeline": "[class*=video] canvas",
    "TimeSeriesSegmentation": "svg .overlay",
}
HOSTILE = ['<img src=x onerror="parent.hacked=1">', "\"'&amp;</script>", "🐈 猫", "</textarea><b>"]
BESIDE_THE_IMAGE = """label => {
  const texts = [...document.querySelectorAll("span, div")].filter((each) => !each.childElementCount);
  const chip = texts.find((each) => each.textContent.trim() === label);
  const image = document.querySelector(".konvajs-content");
  return chip && image && chip.getBoundingClientRect().left >= image.getBoundingClientRect().right;
}"""

CHOICES_BESIDE_THE_IMAGE = """() => {
  const [choices, image] = [".lsf-choices", ".konvajs-content"].map((each) => document.querySelector(each));
  return choices && image && choices.getBoundingClientRect().left >= image.getBoundingClientRect().right;
}"""


@pytest.fixture(scope="module")
def photos(server_url: str) -> Iterator[Source]:
    """A database for all tests of this module, with three images and a row that is none."""
    admin = ConnectionParameters.from_url(server_url)
    name = f"bridge_{secrets.token_hex(4)}"
    with begin(admin) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    source = Source.create(replace(admin, database=name))
    data = base64_text(image_bytes("JPEG", (640, 480)))
    source.add(*((f"photo-{number}.jpg", data) for number in (1, 2, 3)), ("broken.jpg", "%%%"))
    yield source
    dispose()
    with begin(admin) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")


@pytest.fixture(scope="module")
def label_studio(serve: Callable[..., LabelStudio], photos: Source) -> LabelStudio:
    return serve(has_administrator=True, POLARDB_URL=url_of(photos.parameters))


@pytest.fixture
def page(label_studio: LabelStudio, photos: Source, context: BrowserContext) -> Page:
    """The only template, opened by an administrator and shown in the preview."""
    text = json.dumps({"type": "ObjectDetection", "labels": LABELS})
    photos.execute("DELETE FROM annotation_template")
    photos.execute(f"INSERT INTO annotation_template (id, tp_name, tp_schema) VALUES (1, 'animals', '{text}')")
    page = context.new_page()
    page.goto(f"{label_studio.url}/polardb/templates/")
    log_in(page, *ADMINISTRATOR)
    page.get_by_role("link", name="1: animals").click()
    expect_preview(page, *LABELS)
    return page


def schema(page: Page) -> Locator:
    return page.locator("textarea[name=schema]")


def labels(page: Page) -> Locator:
    return page.get_by_label("Labels, one a line")


def expect_preview(page: Page, *shown: str) -> None:
    """See these labels, and an image."""
    frame = page.frame_locator("iframe")
    for label in shown:
        expect(frame.get_by_text(label, exact=True).locator("visible=true").first).to_be_visible(timeout=60_000)
    expect(frame.locator(".konvajs-content canvas").first).to_be_visible()


def choice(page: Page, label: str) -> Locator:
    """The box of a choice; its key stands behind its name."""
    return page.frame_locator("iframe").get_by_role("checkbox", name=label)


def frame_of(page: Page) -> Frame:
    return next(frame for frame in page.frames if frame.url.endswith("/templates/preview"))


def stored(source: Source) -> list[tuple[str, str]]:
    with connect(source.parameters) as connection:
        rows = connection.exec_driver_sql("SELECT tp_name, tp_schema FROM annotation_template ORDER BY id")
        return [(row[0], row[1]) for row in rows]


def test_the_preview_follows_what_is_typed(page: Page, photos: Source) -> None:
    frame = page.frame_locator("iframe")
    # All else stays to the letter, and numbers are not rounded.
    schema(page).fill(
        '{"model_score_threshold": 0.12345678901234567890,  "labels": ["cat"], "type": "ObjectDetection"}'
    )
    expect(labels(page)).to_have_value("cat")
    labels(page).fill("horse\n\nzebra")
    expect(schema(page)).to_have_value(
        '{"model_score_threshold": 0.12345678901234567890,  "labels": ["horse", "zebra"], "type": "ObjectDetection"}'
    )
    expect_preview(page, "horse", "zebra")
    expect(frame.get_by_text("cat", exact=True)).to_have_count(0)
    page.get_by_label("Labels stand").select_option("side")
    expect(schema(page)).to_have_value(re.compile(r'^\{"layout": "side", "model_score_threshold"'))
    frame_of(page).wait_for_function(BESIDE_THE_IMAGE, arg="horse")
    page.get_by_label("Name", exact=False).first.fill("zoo")
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_role("link", name="1: zoo")).to_be_visible()
    [(name, text)] = stored(photos)
    assert name == "zoo"
    assert '"model_score_threshold": 0.12345678901234567890' in text


def test_a_mistake_is_shown_at_its_place_and_leaves_the_last_preview(page: Page) -> None:
    labels(page).fill("cat\ndog\nhorse\nhorse")
    expect(page.locator("[data-problem=labels]")).to_have_text("tp_schema: label 4 ('horse') is listed twice.")
    expect(page.get_by_text("Shown is the template as it was before this mistake.")).to_be_visible()
    expect_preview(page, "cat", "dog")
    schema(page).fill('{"type": "ObjectDetection" "labels": []}')
    expect(page.locator("[data-problem='']")).to_contain_text("tp_schema is not JSON: see line 1, column 28.")
    expect(page.locator("[data-problem=''] mark")).to_have_text('"')
    expect(labels(page)).to_be_disabled()
    expect_preview(page, "cat", "dog")
    schema(page).fill('{"type": "ObjectDetection", "labels": ["cow"]}')
    expect(labels(page)).to_have_value("cow")
    expect_preview(page, "cow")
    expect(page.locator("[data-said]")).to_have_text("")
    expect(page.locator("[data-problem='']")).to_have_text("")


def test_labels_are_text_and_the_frame_is_alone(page: Page, photos: Source) -> None:
    labels(page).fill("\n".join(HOSTILE))
    expect_preview(page, *HOSTILE)
    page.get_by_role("button", name="Save template").click()
    page.get_by_role("link", name="1: animals").click()
    expect(labels(page)).to_have_value("\n".join(HOSTILE))
    expect_preview(page, *HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert json.loads(stored(photos)[0][1])["labels"] == HOSTILE
    frame = frame_of(page)
    assert frame.evaluate("self.origin") == "null"
    assert frame.evaluate("try { String(parent.document) } catch (error) { error.name }") == "SecurityError"


def test_pictures_of_rows_are_shown(page: Page) -> None:
    name = page.locator("[data-name]")
    page.get_by_label("Picture").select_option(TABLE)
    expect(name).to_have_text("photo-1.jpg (1)")
    expect(page.frame_locator("iframe").get_by_text("photo-1.jpg")).to_be_visible()
    page.get_by_role("button", name="Next picture").click()
    expect(name).to_have_text("photo-2.jpg (2)")
    for text in ("photo-3.jpg (3)", re.compile(r"^broken.jpg \(4\): base64_data is not base64")):
        page.get_by_role("button", name="Next picture").click()
        expect(name).to_have_text(text)
    expect(page.frame_locator("iframe").get_by_text("photo-3.jpg")).to_be_visible()
    page.get_by_role("button", name="Next picture").click()
    expect(name).to_have_text("photo-1.jpg (1)")
    page.get_by_label("Picture").select_option("")
    expect(name).to_have_text("")
    expect(page.frame_locator("iframe").get_by_text("sample.svg")).to_be_visible()


def test_the_preview_has_the_fonts_of_the_real_screen(page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.reload()
    expect_preview(page, *LABELS)
    frame = frame_of(page)
    frame.wait_for_function("() => document.fonts.status === 'loaded'")
    faces = frame.evaluate("[...document.fonts].map(({ family, weight, status }) => [family, weight, status]).sort()")
    assert faces[0] == ["Figtree", "400", "loaded"]
    assert all(family == "Figtree" and status != "error" for family, _, status in faces), faces
    label = frame.get_by_text(LABELS[0], exact=True).locator("visible=true").first
    assert label.evaluate("element => getComputedStyle(element).fontFamily").startswith("Figtree")
    assert not [text for text in said if "font" in text.lower()]


def test_an_answer_that_comes_late_changes_nothing(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        if b"early" in (route.request.post_data_buffer or b""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/templates/check", hold)
    with page.expect_request("**/templates/check"):
        labels(page).fill("early")
    labels(page).fill("late")
    expect_preview(page, "late")
    for route in held:
        route.continue_()
    labels(page).fill("late\nlater")
    expect_preview(page, "late", "later")
    expect(page.frame_locator("iframe").get_by_text("early", exact=True)).to_have_count(0)
    assert held


def test_each_type_has_its_fields_and_its_preview(page: Page, photos: Source) -> None:
    frame = page.frame_locator("iframe")
    kind, side_by_side = page.get_by_label("Type"), page.get_by_label("Labels side by side")
    expect(side_by_side).to_be_hidden()
    kind.select_option("ImageClassification")
    for label in LABELS:
        expect(choice(page, label)).to_be_visible()
    expect(frame.locator(".konvajs-content canvas").first).to_be_visible()
    expect(frame.get_by_text("Choose a label, then draw a box.")).to_have_count(0)
    expect(side_by_side).to_be_checked()
    page.get_by_label("Chosen for each task").select_option("multiple")
    page.get_by_label("Labels stand").select_option("side")
    expect(side_by_side).not_to_be_checked()
    # The preview that has the labels beside the image is the last one.
    frame_of(page).wait_for_function(CHOICES_BESIDE_THE_IMAGE)
    expect(page.get_by_label("Picture")).to_be_visible()
    page.get_by_label("Picture").select_option(TABLE)
    expect(frame.get_by_text("photo-1.jpg")).to_be_visible()

    kind.select_option("TextClassification")
    labels(page).fill("\n".join([*LABELS, *HOSTILE]))
    expect(frame.get_by_text("A sample text: the texts of your rows will stand here.")).to_be_visible()
    for label in HOSTILE:
        expect(choice(page, label)).to_be_visible()
    expect(frame.locator(".konvajs-content")).to_have_count(0)
    expect(page.get_by_label("Picture")).to_be_hidden()
    assert page.evaluate("window.hacked") is None
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_role("article").get_by_text("TextClassification")).to_be_visible()
    [(_, text)] = stored(photos)
    assert json.loads(text) == {
        "choice": "multiple",
        "layout": "side",
        "type": "TextClassification",
        "labels": [*LABELS, *HOSTILE],
    }


def test_each_medium_has_its_options_and_its_preview(page: Page) -> None:
    frame, kind = page.frame_locator("iframe"), page.get_by_label("Type")
    assert [option for option in kind.locator("option").all_inner_texts() if option in TYPES] == list(TYPES)
    for name, shown in PREVIEWED.items():
        kind.select_option(name)
        expect(labels(page)).to_be_visible(visible=name in WITH_LABELS)
        if name == "TimeSeriesSegmentation":
            page.get_by_label("Columns to draw, one a line").fill("velocity")
        expect(page.locator("[data-problem]", has_text="tp_schema")).to_have_count(0)
        expect(frame.locator(shown).locator("visible=true").first).to_be_visible(timeout=60_000)
        if name in WITH_LABELS:
            expect(frame.get_by_text("cat").locator("visible=true").first).to_be_visible()
        expect(page.locator("[data-said]")).to_have_text("")


def test_details_of_labels_stay_while_others_are_typed(page: Page) -> None:
    schema(page).fill(
        '{"type": "KeyPoint", "labels": ["cat", {"value": "dog", "color": "#ff0000"}], "keypoints": ["nose"]}'
    )
    expect(labels(page)).to_have_value("cat\ndog")
    labels(page).fill("horse\ndog")
    detailed = '["horse", {"value":"dog","color":"#ff0000"}]'
    expect(schema(page)).to_have_value(f'{{"type": "KeyPoint", "labels": {detailed}, "keypoints": ["nose"]}}')
    # What another type does not know goes, and comes back with the type.
    page.get_by_label("Type").select_option("OCR")
    expect(schema(page)).to_have_value(f'{{"type": "OCR", "labels": {detailed}}}')
    page.get_by_label("Type").select_option("KeyPoint")
    expect(page.get_by_label("Points inside of boxes, one a line")).to_have_value("nose")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Title above the labels").fill("Look")
    page.get_by_label("Least score of predictions").fill("0.5")
    page.get_by_label("Title above the labels").fill("")
    expect(schema(page)).to_have_value(re.compile('^{"model_score_threshold": 0.5, "keypoints"'))
    schema(page).fill('{"controls": [{"type": "OCR", "labels": ["a"]}]}')
    expect(page.get_by_text("cannot be shown in these fields: edit it below")).to_be_visible()
    expect(page.get_by_label("Type")).to_be_disabled()
    expect(labels(page)).to_be_disabled()
    expect_preview(page, "a")


def test_an_interface_of_ones_own_begins_with_that_of_the_type(page: Page, photos: Source) -> None:
    kind, own = page.get_by_label("Type"), page.get_by_label("label_config")
    kind.select_option("label_config")
    expect(own).to_have_value(re.compile("^<View>.*<Label value=.cat.*<Image name=.image.", re.DOTALL))
    expect(labels(page)).to_be_hidden()
    expect_preview(page, *LABELS)
    config = own.input_value()
    own.fill(config.replace('"cat"', '"a &amp; b"').replace("</View>", '<Rating name="r" toName="image"/></View>', 1))
    expect_preview(page, "a & b", "dog")
    own.fill(config.replace("<Image", "<Picture"))
    expect(page.locator("[data-problem=label_config]")).to_have_text(
        "tp_schema: label_config has a <Picture>, which Label Studio's editor does not know."
    )
    expect(page.get_by_text("Shown is the template as it was before this mistake.")).to_be_visible()
    # Whoever looks at a type in between finds both again.
    kind.select_option("ObjectDetection")
    expect(labels(page)).to_have_value("cat\ndog")
    expect(own).to_be_hidden()
    kind.select_option("label_config")
    expect(own).to_have_value(config.replace("<Image", "<Picture"))
    own.fill('<View><Text name="t" value="$body"/><Choices name="c" toName="t"><Choice value="good"/></Choices></View>')
    expect(choice(page, "good")).to_be_visible()
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_role("article").get_by_text("good")).to_be_visible()
    [(_, text)] = stored(photos)
    assert set(json.loads(text)) == {"label_config", "labels"}
    page.get_by_role("link", name="1: animals").click()
    expect(own).to_have_value(re.compile("good"))
    expect(choice(page, "good")).to_be_visible(timeout=60_000)


def test_very_many_labels_stop_nobody(page: Page) -> None:
    many = "\n".join(f"label {number}" for number in range(10_000))
    # Playwright's own typing takes minutes for it.
    labels(page).evaluate("(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }", many)
    expect(page.get_by_text("The preview has the first 500 of 10000 labels.")).to_be_visible(timeout=120_000)
    expect_preview(page, "label 499")
    labels(page).fill("one")
    expect_preview(page, "one")


def test_everybody_can_use_it(page: Page, photos: Source, label_studio: LabelStudio, tmp_path: Path) -> None:
    text = json.dumps({"type": "ObjectDetection", "labels": [f"a rather long label {number}" for number in range(30)]})
    photos.execute(
        "INSERT INTO annotation_template (id, tp_name, tp_description, tp_schema, tp_is_active) VALUES"
        f" (2, '{'long-name-' * 20}', '{'Words of a description. ' * 20}', '{text}', 0), (3, 'bad', NULL, '[]', 1),"
        f""" (4, 'texts', NULL, '{text.replace("ObjectDetection", "TextClassification")}', 1),"""
        """ (5, 'own', NULL, '{"label_config": "<View><Image name=''i'' value=''$image''/>"""
        """<Rating name=''r'' toName=''i''/></View>"}', 1)"""
    )
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    forms = [("form", "2/"), ("texts", "4/"), ("own", "5/")]
    for name, path, ready in [("list", "", "article"), *((*form, "[data-shown]") for form in forms)]:
        page.goto(f"{label_studio.url}/polardb/templates/{path}")
        for look in looks(page):
            expect(page.locator(ready).first).to_be_visible(timeout=60_000)
            page.screenshot(path=shots / f"templates-{name}-{look}.png", full_page=True)
            expect_accessible(page)
