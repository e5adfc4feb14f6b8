"""What a person does in Label Studio's editor, and when it has reached the row."""

from __future__ import annotations

import re
import time
from typing import Any

from playwright.sync_api import Page, expect

from support.source_data import Source


def wait_for_row(source: Source, row_id: int) -> dict[str, Any]:
    """The row, as soon as it holds a result."""
    deadline = time.monotonic() + 15
    while (row := source.row(row_id))["annotation_data"] is None:
        assert time.monotonic() < deadline, f"row {row_id} still has no result"
        time.sleep(0.1)
    return row


def draw(page: Page, start: float, end: float) -> None:
    """Drag from one corner of a box to the other; each a part of the image's width and height."""
    image = page.locator(".konvajs-content canvas").first
    deadline = time.monotonic() + 20
    while (box := image.bounding_box()) is None:  # the editor puts another canvas in its place while it loads
        assert time.monotonic() < deadline, "no image is shown"
        page.wait_for_timeout(100)
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + box["height"] * start)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + box["height"] * end, steps=8)
    page.mouse.up()


def draw_box(page: Page) -> None:
    """Draw a box with the first label in the opened task, and submit it."""
    page.get_by_text("cat", exact=True).locator("visible=true").first.click()
    draw(page, 0.2, 0.5)
    page.locator("button", has_text=re.compile("^Submit$")).click()
    expect(page.locator("button", has_text=re.compile("^Update$"))).to_be_visible()
