"""The step behind the connection: which column of a table is used for what."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from polardb_bridge.table.connection import begin
from support.source_data import Source, image_bytes
from support.storage_page import Account, StoragePage

pytestmark = pytest.mark.browser

ODD = "<b>w:e=i,r`d</b>"


@pytest.fixture
def products(photos: Source) -> Source:
    """A table that nobody made for labeling, with two rows."""
    odd = ODD.replace("`", "``")
    photos.execute(
        "CREATE TABLE products (sku BIGINT UNSIGNED PRIMARY KEY, title VARCHAR(80), photo LONGBLOB, body LONGTEXT,"
        f" price DECIMAL(9,2), `{odd}` TEXT, place POINT NULL, answer LONGTEXT,"
        " changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)"
    )
    with begin(photos.parameters) as connection:
        for sku, body in ((7, "<i>words</i> " * 100), (8, None)):
            values = {"sku": sku, "photo": image_bytes("JPEG", (640, 480)), "body": body}
            statement = "INSERT INTO products (sku, title, photo, body) VALUES (:sku, 'one', :photo, :body)"
            connection.execute(sa.text(statement), values)
    return photos


def open_step(storage_page: StoragePage, account: Account, table: str) -> Locator:
    """The step, for a new source of this table."""
    storage_page.choose_provider("Source")
    storage_page.fill(title="Products", **vars(account) | {"table": table})
    storage_page.test_connection()
    storage_page.button("Next").click()
    return storage_page.page.get_by_test_id("polardb-preview")


def used_for(step: Locator, column: str) -> Locator:
    return step.get_by_label(f"{column} is used for", exact=True)


def row(step: Locator, column: str) -> Locator:
    return step.locator(".polardb-columns li", has=step.page.get_by_label(f"{column} is used for", exact=True))


def looked_at(storage_page: StoragePage, name: str) -> None:
    """Keep a picture of the page if somebody wants to look at it."""
    if folder := os.environ.get("SCREENSHOTS"):
        storage_page.page.screenshot(path=Path(folder) / f"{name}.png")


def expect_accessible(storage_page: StoragePage) -> None:
    found = Axe().run(storage_page.page, context={"include": [[".polardb-step"]]}).response["violations"]
    assert [
        f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] in ("serious", "critical")
    ] == []


def test_any_table_is_recognized_changed_and_labeled(
    storage_page: StoragePage, products: Source, account: Account
) -> None:
    page = storage_page.page
    step = open_step(storage_page, account, "products")
    line = step.locator(".polardb-recognized")
    expect(line).to_contain_text("Key: sku. Tasks show image from photo. Name: title. changed_at tells of changes.")
    expect(line).to_contain_text("No column takes results")
    expect(step.locator("tbody tr")).to_have_count(2)
    looked_at(storage_page, "recognized")
    expect_accessible(storage_page)

    # With keys alone.
    step.get_by_role("button", name="Change columns").focus()
    page.keyboard.press("Enter")
    expect(used_for(step, "sku")).to_have_value("key")
    expect(used_for(step, "photo")).to_have_value("field")
    step.get_by_text("5 other columns").click()
    expect(used_for(step, "place").locator("option[value=field]")).to_have_count(0)
    used_for(step, "answer").select_option("annotation_data")
    expect(line).to_contain_text("Results go into answer.")
    used_for(step, "body").select_option("field")
    expect(step.locator(".polardb-tasks article").nth(0)).to_contain_text("<i>words</i>")
    expect(step.locator(".polardb-tasks article").nth(1)).to_contain_text("empty")
    assert step.locator(".polardb-tasks img").nth(0).evaluate("image => image.naturalWidth") == 64
    used_for(step, ODD).select_option("field")
    expect(row(step, ODD).get_by_label("Field of the task")).to_have_value("b_w_e_i_r_d__b_")
    looked_at(storage_page, "changed")

    row(step, ODD).get_by_label("Field of the task").fill("1 2")
    expect(row(step, ODD).get_by_role("alert")).to_contain_text("cannot be a field's name")
    used_for(step, "place").select_option("name")
    expect(row(step, "place").get_by_role("alert")).to_contain_text("place")
    expect(row(step, ODD).get_by_role("alert")).to_contain_text("cannot be a field's name")
    expect(row(step, ODD).get_by_label("Field of the task")).to_have_attribute("aria-invalid", "true")
    looked_at(storage_page, "wrong")
    expect_accessible(storage_page)
    page.set_viewport_size({"width": 400, "height": 900})
    overhang = step.evaluate("step => step.scrollWidth - step.clientWidth")
    looked_at(storage_page, "narrow")
    assert overhang <= 0
    page.set_viewport_size({"width": 1280, "height": 1000})
    row(step, ODD).get_by_label("Field of the task").fill("weird")
    used_for(step, "price").select_option("field")
    used_for(step, "title").select_option("name")
    step.get_by_label("Filter").fill("sku > 'odd")
    expect(step.locator("#polardb-filter-reason")).to_contain_text("filter")
    step.get_by_label("Filter").fill("sku < 1000")
    expect(line).to_contain_text("Rows become tasks if sku < 1000.")
    expect(step.get_by_role("alert").filter(has_text=".")).to_have_count(0)
    expect(line).to_contain_text("weird from <b>w:e=i,r`d</b>")

    step.get_by_role("button", name="Close").click()
    expect(step.locator("tbody tr").nth(0)).to_contain_text("body: <i>words</i>")
    expect(storage_page.button("✓ Preview Loaded")).to_be_visible()
    storage_page.button("Next").click()
    expect(page.get_by_test_id("polardb-review")).to_contain_text("Results go into answer.")
    storage_page.button("Save & Sync").click()
    storage_page.expect_synced("Products", "2 (2 new)")
    [stored] = storage_page.api("GET", f"/api/storages/polardb?project={storage_page.project_id}")
    assert stored["mapping"]["data"]["weird"] == "`<b>w:e=i,r``d</b>`:text"
    assert stored["mapping"]["result"] == {"annotation_data": "answer"}
    storage_page.choose_on_card("Products", "Edit")
    storage_page.test_connection()
    storage_page.button("Next").click()
    expect(line).to_contain_text("Results go into answer.")
    expect(step.get_by_role("button", name="Change columns")).to_be_hidden()


def test_another_table_is_asked_about_anew_and_one_that_cannot_be_read_says_why(
    storage_page: StoragePage, products: Source, account: Account
) -> None:
    products.execute("CREATE TABLE keyless (photo LONGBLOB)")
    step = open_step(storage_page, account, "products")
    line = step.locator(".polardb-recognized")
    expect(line).to_contain_text("Key: sku.")
    storage_page.button("Previous").click()
    storage_page.fill(table="keyless")
    storage_page.test_connection()
    storage_page.button("Next").click()
    expect(step.get_by_role("alert").first).to_contain_text("Choose the column that tells rows apart")
    expect(step.get_by_text("Nothing to show before that is right.")).to_be_visible()
    storage_page.button("Previous").click()
    storage_page.fill(table=account.table)
    storage_page.test_connection()
    products.execute("RENAME TABLE products TO gone")
    storage_page.button("Next").click()
    expect(line).to_have_text("The columns are those of the documented layout.")
    expect(storage_page.button("✓ Preview Loaded")).to_be_visible()
