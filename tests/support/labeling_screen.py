"""Label Studio's labeling screen, used by mouse and keys as a person would."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import FloatRect, Locator, Page, expect

_CANVAS = ".konvajs-content canvas"
# Where a text stands on the screen, be it shown by itself or in a frame.
_PLACE_OF_TEXT = """text => {
  for (const root of [document, ...[...document.querySelectorAll("iframe")].map((each) => each.contentDocument)]) {
    const walker = document.createTreeWalker(root.body, NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode()); ) {
      const start = node.data.indexOf(text);
      if (start === -1 || !node.parentElement.closest("[class*=richtext], [class*=text--]")) continue;
      const range = document.createRange();
      range.setStart(node, start);
      range.setEnd(node, start + text.length);
      const { x, y, width, height } = range.getBoundingClientRect();
      return { x, y, width, height };
    }
  }
  return null;
}"""


@dataclass
class LabelingScreen:
    """The opened task of a project."""

    page: Page
    url: str

    def open(self, project: int, task: int) -> None:
        self.page.goto(f"{self.url}/projects/{project}/data?task={task}")
        expect(self.submit_button).to_be_enabled(timeout=60_000)

    @property
    def submit_button(self) -> Locator:
        return self.page.locator("button", has_text=re.compile("^Submit$"))

    def submit(self) -> list[dict[str, Any]]:
        """What the server has taken, as it answers."""
        with self.page.expect_response(
            lambda answer: bool(answer.request.method == "POST" and re.search(r"/tasks/\d+/annotations", answer.url))
        ) as sent:
            self.submit_button.click()
        expect(self.page.locator("button", has_text=re.compile("^Update$"))).to_be_visible()
        result: list[dict[str, Any]] = sent.value.json()["result"]
        return result

    def label(self, name: str) -> None:
        """Choose a label of regions."""
        self.page.locator(".lsf-label", has_text=re.compile(rf"^\s*{re.escape(name)}")).first.click()

    def choose(self, name: str) -> None:
        """Choose a label of the whole task."""
        choice = self.page.get_by_role("checkbox", name=name).or_(self.page.get_by_role("radio", name=name))
        choice.first.click()
        expect(choice.first).to_be_checked()

    def write(self, text: str, key: str = "Shift+Enter") -> None:
        """key: what takes the text; in a list of regions it is Enter alone."""
        box = self.page.locator("textarea:visible").first
        box.fill(text)
        box.press(key)
        expect(self.page.get_by_text(text).locator("visible=true").first).to_be_visible()

    @property
    def picture(self) -> FloatRect:
        """Where the picture, or the frame of a video, is."""
        return box_of(self.page.locator(_CANVAS).first)

    def drag(self, start: tuple[float, float], end: tuple[float, float], box: FloatRect | None = None) -> None:
        """From one place of the picture, or of another box, to another; each a part of width and height."""
        box = box or self.picture
        (x1, y1), (x2, y2) = (_point(box, place) for place in (start, end))
        self.page.mouse.move(x1, y1)
        self.page.mouse.down()
        self.page.mouse.move((x1 + x2) / 2, (y1 + y2) / 2, steps=4)
        self.page.mouse.move(x2, y2, steps=4)
        self.page.mouse.up()

    def click(self, *places: tuple[float, float]) -> None:
        """In the picture, one place after the other."""
        box = self.picture
        for place in places:
            x, y = _point(box, place)
            self.page.mouse.move(x, y)
            self.page.mouse.click(x, y)

    def select(self, text: str) -> None:
        """Select a part of the text that is labeled, by dragging over it."""
        place = self.place_of(text)
        y = place["y"] + place["height"] / 2
        self.page.mouse.move(place["x"] + 1, y)
        self.page.mouse.down()
        self.page.mouse.move(place["x"] + place["width"] / 2, y, steps=4)
        self.page.mouse.move(place["x"] + place["width"] - 1, y, steps=4)
        self.page.mouse.up()

    def click_text(self, text: str) -> None:
        place = self.place_of(text)
        self.page.mouse.click(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)

    def place_of(self, text: str) -> FloatRect:
        return self.page.wait_for_function(_PLACE_OF_TEXT, arg=text).json_value()  # type: ignore[no-any-return]

    @property
    def regions(self) -> Locator:
        """The lines of the list of regions."""
        return self.page.locator(".lsf-outliner-item")

    def expect_regions(self, count: int) -> None:
        expect(self.regions).to_have_count(count)


def box_of(shown: Locator) -> FloatRect:
    """Where something is, as soon as it stays there."""
    expect(shown).to_be_visible(timeout=60_000)
    deadline = time.monotonic() + 30
    last = None
    while True:
        box = shown.bounding_box()
        if box is not None and box == last and box["width"] > 10:
            return box
        assert time.monotonic() < deadline, "it moves about"
        last = box
        shown.page.wait_for_timeout(150)


def _point(box: FloatRect, place: tuple[float, float]) -> tuple[float, float]:
    return box["x"] + box["width"] * place[0], box["y"] + box["height"] * place[1]
