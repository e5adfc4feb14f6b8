"""What annotators see first: all labels, and the image, without scrolling."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as Timeout

from polardb_bridge.labeling import labeling_config
from support.storage_page import StoragePage

pytestmark = pytest.mark.browser

LABELS = [f"label number {number}" for number in range(1, 21)]
SHAPES = {"portrait": (600, 1600), "landscape": (1600, 600), "huge": (6000, 5000), "tiny": (40, 40)}


def data_uri(size: tuple[int, int]) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def project_of(
    storage_page: StoragePage, layout: str, kind: str = "ObjectDetection", labels: list[str] | None = None
) -> int:
    config = labeling_config({"type": kind, "labels": labels or LABELS, "layout": layout})
    project: int = storage_page.api("POST", "/api/projects", {"title": layout, "label_config": config})["id"]
    tasks = [{"image": data_uri(size), "original_name": f"{name}.jpg"} for name, size in SHAPES.items()]
    storage_page.api("POST", f"/api/projects/{project}/import", tasks)
    return project


def test_choices_are_made_and_submitted(storage_page: StoragePage) -> None:
    page = storage_page.page
    labels = ["<b>", "大熊猫", "cat"]
    config = labeling_config({"type": "ImageClassification", "labels": labels, "choice": "multiple"})
    project = storage_page.api("POST", "/api/projects", {"title": "choices", "label_config": config})["id"]
    storage_page.api(
        "POST", f"/api/projects/{project}/import", [{"image": data_uri((600, 400)), "original_name": "one"}]
    )
    page.goto(f"{storage_page.url}/projects/{project}/data")
    page.get_by_text("Label All Tasks").click()
    for label in labels[:2]:
        choice = page.get_by_role("checkbox", name=label)
        choice.click()
        expect(choice).to_be_checked()
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/annotations" in answer.url) as sent:
        page.get_by_role("button", name="Submit current annotation").click()
    [result] = sent.value.json()["result"]
    assert (result["type"], result["from_name"], result["value"]) == ("choices", "label", {"choices": labels[:2]})


# Beside a choice stands its key.
OUT_OF_SIGHT = """labels => labels.filter(label => {
  const own = (each) => [...each.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join("");
  const chips = [...document.querySelectorAll("span, div")].filter((each) => own(each).trim() === label);
  return !chips.some(chip => {
    const box = chip.getBoundingClientRect();
    const seen = box.left >= 0 && box.top >= 0 && box.right <= innerWidth && box.bottom <= innerHeight;
    return seen && chip.contains(document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2));
  });
})"""


def expect_all_in_sight(page: Page) -> None:
    expect(page.locator("canvas").first).to_be_visible()
    try:
        page.wait_for_function(f"labels => !({OUT_OF_SIGHT})(labels).length", arg=LABELS)
    except Timeout:
        pytest.fail(f"out of sight: {page.evaluate(OUT_OF_SIGHT, LABELS)}")


SHOWN = """() => {
  const hint = getComputedStyle(document.querySelector(".lsf-labels"), "::after");
  return hint.visibility === "visible" ? hint.content : "";
}"""


@pytest.mark.parametrize("layout", ["top", "side"])
def test_who_has_chosen_no_label_is_told(storage_page: StoragePage, layout: str) -> None:
    page = storage_page.page
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{storage_page.url}/projects/{project_of(storage_page, layout)}/data")
    page.get_by_text("Label All Tasks").click()
    expect(page.locator("canvas").first).to_be_visible()
    page.wait_for_function(f"({SHOWN})().includes('Choose a label, then draw a box.')")
    page.get_by_text(LABELS[0], exact=True).first.click()
    page.wait_for_function(f"({SHOWN})() === ''")


@pytest.mark.parametrize("layout", ["top", "side"])
@pytest.mark.parametrize("kind", ["ObjectDetection", "ImageClassification"])
def test_every_label_is_in_sight(storage_page: StoragePage, kind: str, layout: str) -> None:
    page = storage_page.page
    page.set_viewport_size({"width": 1280, "height": 800})
    project = project_of(storage_page, layout, kind)
    found = storage_page.api("GET", f"/api/tasks?project={project}&fields=all")["tasks"]
    for task in found:
        page.goto(f"{storage_page.url}/projects/{project}/data?task={task['id']}")
        expect_all_in_sight(page)
        # Nor are they away at the end of a tall image.
        page.mouse.move(500, 600)
        page.mouse.wheel(0, 3000)
        page.wait_for_timeout(500)
        expect_all_in_sight(page)
    page.goto(f"{storage_page.url}/projects/{project}/data")
    page.get_by_text("Label All Tasks").click()
    expect_all_in_sight(page)


IMAGE_IN_SIGHT = """() => {
  const image = document.querySelector(".konvajs-content");
  const box = image?.getBoundingClientRect();
  const rows = [...Array(Math.floor(innerHeight / 10)).keys()];
  return rows.some((row) => box && image.contains(document.elementFromPoint((box.left + box.right) / 2, 10 * row)));
}"""


@pytest.mark.parametrize(("kind", "layout"), [("ObjectDetection", "top"), ("ImageClassification", "side")])
def test_very_many_labels_leave_room_for_the_image(storage_page: StoragePage, kind: str, layout: str) -> None:
    page = storage_page.page
    page.set_viewport_size({"width": 1280, "height": 800})
    labels = [f"label number {number}" for number in range(500)]
    project = project_of(storage_page, layout, kind, labels)
    [task, *_] = storage_page.api("GET", f"/api/tasks?project={project}&fields=all")["tasks"]
    page.goto(f"{storage_page.url}/projects/{project}/data?task={task['id']}")
    expect(page.locator("canvas").first).to_be_visible(timeout=60_000)
    page.wait_for_function(IMAGE_IN_SIGHT)
    page.mouse.move(400, 700)
    page.mouse.wheel(0, 3000)
    page.wait_for_function(IMAGE_IN_SIGHT)
