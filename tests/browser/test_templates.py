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

from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.accessibility import expect_accessible, looks
from support.source_data import LABELS, TABLE, Source, base64_text, image_bytes, url_of
from support.storage_page import ADMINISTRATOR, LabelStudio, log_in

pytestmark = pytest.mark.browser

HOSTILE = ['<img src=x onerror="parent.hacked=1">', "\"'&amp;</script>", "🐈 猫", "</textarea><b>"]
BESIDE_THE_IMAGE = """label => {
  const texts = [...document.querySelectorAll("span, div")].filter((each) => !each.childElementCount);
  const chip = texts.find((each) => each.textContent.trim() === label);
  const image = document.querySelector(".konvajs-content");
  return chip && image && chip.getBoundingClientRect().left >= image.getBoundingClientRect().right;
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


def frame_of(page: Page) -> Frame:
    return next(frame for frame in page.frames if frame.url.endswith("/templates/preview"))


def stored(source: Source) -> list[tuple[str, str]]:
    with connect(source.parameters) as connection:
        rows = connection.exec_driver_sql("SELECT tp_name, tp_schema FROM annotation_template ORDER BY id")
        return [(row[0], row[1]) for row in rows]


def test_the_preview_follows_what_is_typed(page: Page, photos: Source) -> None:
    frame = page.frame_locator("iframe")
    # What the fields know nothing of stays to the letter, and numbers are not rounded.
    schema(page).fill('{"ours": 12345678901234567890,  "labels": ["cat"], "type": "ObjectDetection"}')
    expect(labels(page)).to_have_value("cat")
    labels(page).fill("horse\n\nzebra")
    expect(schema(page)).to_have_value(
        '{"ours": 12345678901234567890,  "labels": ["horse", "zebra"], "type": "ObjectDetection"}'
    )
    expect_preview(page, "horse", "zebra")
    expect(frame.get_by_text("cat", exact=True)).to_have_count(0)
    page.get_by_label("Labels stand").select_option("side")
    expect(schema(page)).to_have_value(re.compile(r'^\{"layout": "side", "ours"'))
    frame_of(page).wait_for_function(BESIDE_THE_IMAGE, arg="horse")
    page.get_by_label("Name", exact=False).first.fill("zoo")
    page.get_by_role("button", name="Save template").click()
    expect(page.get_by_role("link", name="1: zoo")).to_be_visible()
    [(name, text)] = stored(photos)
    assert (name, json.loads(text)["ours"]) == ("zoo", 12345678901234567890)


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
        f" (2, '{'long-name-' * 20}', '{'Words of a description. ' * 20}', '{text}', 0), (3, 'bad', NULL, '[]', 1)"
    )
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for name, path, ready in (("list", "", "article"), ("form", "2/", "[data-shown]")):
        page.goto(f"{label_studio.url}/polardb/templates/{path}")
        for look in looks(page):
            expect(page.locator(ready).first).to_be_visible(timeout=60_000)
            page.screenshot(path=shots / f"templates-{name}-{look}.png", full_page=True)
            expect_accessible(page)
