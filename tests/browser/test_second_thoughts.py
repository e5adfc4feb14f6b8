"""What the storage's card says of what people removed: tasks, and labels."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import expect

from support.editor import draw
from support.source_data import TABLE, Source, region
from support.storage_page import LABELING_CONFIG, Account, StoragePage

pytestmark = pytest.mark.browser


def test_dismissed_rows_are_brought_back_on_the_card(storage_page: StoragePage, account: Account) -> None:
    storage_page.add_source(account)
    project = storage_page.project_id
    tasks = storage_page.api("GET", f"/api/tasks/?project={project}&fields=all")["tasks"]
    chosen = {"all": False, "included": [tasks[0]["id"]]}
    storage_page.api("POST", f"/api/dm/actions/?id=delete_tasks&project={project}", {"selectedItems": chosen})
    storage_page.reload()
    card = storage_page.card("Animals table")
    expect(card).to_contain_text("1 row dismissed")
    card.get_by_role("button", name="bring back").click()
    storage_page.expect_synced("Animals table", "Rows synced 3 (1 new)")
    expect(card).not_to_contain_text("dismissed")
    assert len(storage_page.api("GET", f"/api/tasks/?project={project}&fields=all")["tasks"]) == 3


def test_labels_that_are_gone_are_named_on_the_card(
    storage_page: StoragePage, account: Account, photos: Source
) -> None:
    photos.execute(
        f"UPDATE {TABLE} SET annotation_data = '{json.dumps([region('horse')])}', annotation_count = 1 WHERE id = 1"
    )
    assert "horse" not in LABELING_CONFIG
    storage_page.add_source(account)
    storage_page.reload()
    expect(storage_page.card("Animals table")).to_contain_text("The label 'horse' stands in results (once)")


def test_labels_that_are_gone_have_their_names_in_the_editor_and_cannot_be_chosen(
    storage_page: StoragePage, account: Account, photos: Source
) -> None:
    horse = {**region("horse"), "original_width": 640, "original_height": 480}
    photos.execute(f"UPDATE {TABLE} SET annotation_data = '{json.dumps([horse])}', annotation_count = 1 WHERE id = 1")
    storage_page.add_source(account)
    storage_page.add_target(account)
    page, project = storage_page.page, storage_page.project_id
    tasks = storage_page.api("GET", f"/api/tasks/?project={project}&fields=all")["tasks"]
    task = next(task for task in tasks if task["data"]["id"] == 1)
    page.goto(f"{storage_page.url}/projects/{project}/data?task={task['id']}")
    image = page.locator(".konvajs-content canvas").first
    expect(image).to_be_visible()
    regions = page.locator(".lsf-outliner-item")
    expect(regions).to_have_count(1)
    expect(regions).to_contain_text("horse")
    buttons = page.locator(".lsf-labels .lsf-label:visible")
    expect(buttons).to_have_text([re.compile("^cat"), re.compile("^dog")])

    # Neither by drawing while its region is selected, nor by the key that a third label would have.
    regions.click()
    draw(page, 0.6, 0.68)
    expect(page.get_by_text("You can't use horse more than 1 time")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("3")
    draw(page, 0.8, 0.88)
    expect(regions).to_have_count(1)

    page.get_by_text("cat", exact=True).locator("visible=true").first.click()
    draw(page, 0.7, 0.78)
    expect(regions).to_have_count(2)
    page.locator("button", has_text=re.compile("^Update$")).click()
    deadline = time.monotonic() + 15
    while len(stored := photos.row(1)["annotation_data"]) < 2:
        assert time.monotonic() < deadline, stored
        time.sleep(0.1)
    assert [one["value"]["rectanglelabels"] for one in stored] == [["horse"], ["cat"]]
    # What the page of the interface shows and saves is what was stored.
    assert storage_page.api("GET", f"/api/projects/{project}/")["label_config"] == LABELING_CONFIG
