"""What the storage's card says of what people removed: tasks, and labels."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

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
    expect(card).to_contain_text("Rows synced 3 (1 new)")
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
