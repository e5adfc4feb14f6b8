"""What a person sees if the image of a row cannot be shown: in Label Studio's editor, and on the storage's card."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Route, expect

from support.source_data import Source, base64_text, image_bytes
from support.storage_page import Account, StoragePage

pytestmark = pytest.mark.browser


def by_link(storage_page: StoragePage, account: Account) -> Locator:
    """The card of a source by link, after a sync."""
    stored = storage_page.api(
        "POST",
        "/api/storages/polardb",
        {"project": storage_page.project_id, "title": "By link", "image_delivery": "link", **vars(account)},
    )
    storage_page.api("POST", f"/api/storages/polardb/{stored['id']}/sync")
    storage_page.reload()
    return storage_page.card("By link")


def tasks_of(storage_page: StoragePage) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = storage_page.api("GET", f"/api/tasks?project={storage_page.project_id}")["tasks"]
    return tasks


def test_the_labeling_page_shows_the_reason_in_place_of_the_image(storage_page: StoragePage, account: Account) -> None:
    """Not Label Studio's own hint, which is about CORS."""
    by_link(storage_page, account)
    [broken] = [task for task in tasks_of(storage_page) if task["data"]["original_name"] == "broken.jpg"]
    page = storage_page.page
    with page.expect_response(lambda answer: answer.url.endswith(broken["data"]["image"])) as asked:
        page.goto(f"{storage_page.url}/projects/{storage_page.project_id}/data?task={broken['id']}")
    assert asked.value.headers["content-type"] == "image/svg+xml"
    # What the editor's scripts got, not what the browser would show whatever the status: they ask twice at once, and
    # the second falls back on nothing.
    page.wait_for_function(
        "() => [...document.images].some(image => image.src.startsWith('blob:') && image.naturalWidth === 800)"
    )
    expect(page.get_by_text("CORS")).to_have_count(0)
    [stored] = storage_page.api("GET", f"/api/storages/polardb?project={storage_page.project_id}")
    assert stored["images"]["unreadable"] == 1


def test_the_card_verifies_all_images_and_lists_those_that_cannot_be_shown(
    storage_page: StoragePage, photos: Source, account: Account
) -> None:
    """In more than one request, and it can be pressed again after an error."""
    card, verify = by_link(storage_page, account), storage_page.button("Verify images")
    expect(card).to_contain_text("Images not verified")
    answers: list[str] = []

    def answer_in_two_parts(route: Route) -> None:
        answer = route.fetch()
        answers.append(answer.text())
        body = answer.text().replace('"complete":true', '"complete":false') if len(answers) == 1 else answer.text()
        route.fulfill(response=answer, body=body)

    storage_page.page.route("**/verify", answer_in_two_parts)
    photos.execute(f"RENAME TABLE {account.table} TO away")
    verify.click()
    expect(card.get_by_role("status")).to_contain_text(re.compile("The table does not exist: .* Press again to go on"))
    photos.execute(f"RENAME TABLE away TO {account.table}")
    answers.clear()
    verify.click()
    expect(card).to_contain_text(re.compile(r"Images.*1 cannot be shown \(show why\).*verified \d"))
    assert len(answers) == 2
    card.get_by_text("1 cannot be shown (show why)").click()
    expect(card).to_contain_text(re.compile(r"row 4 \(task \d+\): base64_data is not base64"))

    [broken] = [task for task in tasks_of(storage_page) if task["data"]["original_name"] == "broken.jpg"]
    storage_page.api("POST", f"/api/tasks/{broken['id']}/annotations/", {"result": []})
    storage_page.reload()
    expect(card).to_contain_text("1 cannot be shown, 1 labeled (show why)")

    data = base64_text(image_bytes())
    photos.execute(f"UPDATE {account.table} SET base64_data = '{data}' WHERE id = 4")
    verify.click()
    expect(card).to_contain_text(re.compile(r"Images.*All can be shown · verified \d"))


def test_images_in_tasks_need_no_verification(storage_page: StoragePage, account: Account) -> None:
    """The sync has read them."""
    storage_page.add_source(account)
    storage_page.expect_synced("Animals table", "Rows synced 3 (3 new)")
    expect(storage_page.button("Verify images")).to_have_count(0)
