"""What a person sees in Label Studio's editor if the image of a row cannot be shown."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from support.storage_page import Account, StoragePage

pytestmark = pytest.mark.browser


def test_the_labeling_page_shows_the_reason_in_place_of_the_image(storage_page: StoragePage, account: Account) -> None:
    """Not Label Studio's own hint, which is about CORS."""
    project = storage_page.project_id
    stored = storage_page.api(
        "POST",
        "/api/storages/polardb",
        {"project": project, "title": "By link", "image_delivery": "link", **vars(account)},
    )
    storage_page.api("POST", f"/api/storages/polardb/{stored['id']}/sync")
    tasks = storage_page.api("GET", f"/api/tasks?project={project}")["tasks"]
    [broken] = [task for task in tasks if task["data"]["original_name"] == "broken.jpg"]
    page = storage_page.page
    with page.expect_response(lambda answer: answer.url.endswith(broken["data"]["image"])) as asked:
        page.goto(f"{storage_page.url}/projects/{project}/data?task={broken['id']}")
    assert asked.value.status == 404
    page.wait_for_function("() => [...document.images].some(image => image.naturalWidth === 800)")
    expect(page.get_by_text("CORS")).to_have_count(0)
    shown = storage_page.api("GET", f"/api/storages/polardb/{stored['id']}")["images"]
    assert shown["unreadable"] == 1
