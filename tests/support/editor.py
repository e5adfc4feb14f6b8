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


def draw_box(page: Page) -> None:
    """Draw a box with the first label in the opened task, and submit it."""
    image = page.locator(".konvajs-content canvas").first
    page.get_by_text("cat", exact=True).locator("visible=true").first.click()
    box = image.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5, steps=8)
    page.mouse.up()
    page.locator("button", has_text=re.compile("^Submit$")).click()
    expect(page.locator("button", has_text=re.compile("^Update$"))).to_be_visible()
