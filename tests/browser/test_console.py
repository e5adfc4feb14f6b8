"""The operator's page in Chromium: what its script does, how it looks, and that everybody can use it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from support.accessibility import expect_accessible, looks
from support.source_data import TABLE, Source, base64_text, image_bytes, url_of
from support.storage_page import ADMINISTRATOR, LabelStudio, log_in

pytestmark = pytest.mark.browser

LONG = "a-name-of-sixty-four-characters-as-long-as-one-may-be-for-you-all"[:64]


@pytest.fixture
def label_studio(serve: Callable[..., LabelStudio], photos: Source) -> LabelStudio:
    return serve(has_administrator=True, POLARDB_URL=url_of(photos.parameters))


@pytest.fixture
def page(label_studio: LabelStudio, context: BrowserContext) -> Page:
    """The operator's page, signed in."""
    page = context.new_page()
    page.goto(f"{label_studio.url}/polardb/")
    log_in(page, *ADMINISTRATOR)
    expect(page.get_by_role("heading", name="Deployments")).to_be_visible()
    return page


def deploy(page: Page, name: str, source: str) -> None:
    if page.locator("details#deploy").get_attribute("open") != "":
        page.locator("details#deploy > summary").click()
    page.get_by_label("Deployment name").fill(name)
    page.get_by_label("Source table").select_option(source)
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator(f"article#{name}")).to_be_visible()


def choose(page: Page, label: str, value: str) -> None:
    """Choose in the form above the list, which shows the page anew."""
    with page.expect_navigation():
        page.get_by_label(label).select_option(value)


def test_the_next_click_is_at_hand(page: Page, photos: Source, label_studio: LabelStudio) -> None:
    photos.execute(f"CREATE TABLE cars LIKE {TABLE}")
    page.evaluate("localStorage.setItem('preferred-color-scheme', 'Light')")
    deploy(page, "mark_animal", TABLE)
    expect(page.get_by_role("status").first).to_contain_text("Press “Add my address”")
    expect(page.locator(".message.warning")).to_contain_text("annotation_count")
    # It follows the sync without a reload, and stands open: whoever has deployed goes on there.
    line = page.locator("article#mark_animal")
    expect(line).to_contain_text("Degraded")
    expect(line).to_contain_text("Nobody is allowed in yet.")
    line.get_by_role("button", name="Add my address").click()
    expect(page.get_by_role("status").first).to_contain_text("is open to 127.0.0.1")
    expect(line.get_by_label("Allowed addresses")).to_have_value("127.0.0.1/32")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    line.get_by_role("button", name="Copy").first.click()
    expect(line.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{label_studio.url}/deployments/mark_animal/"

    page.goto(f"{label_studio.url}/polardb/")
    deploy(page, "cars", "cars")
    page.get_by_role("searchbox").fill("")
    with page.expect_navigation():
        page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("article")).to_have_count(2)
    choose(page, "State", "closed")
    expect(page.locator("article")).to_have_count(1)
    expect(page.locator("article")).to_contain_text("cars")
    choose(page, "State", "")
    expect(page.locator("article")).to_have_count(2)
    choose(page, "Order", "state")
    expect(page.locator("article").first).to_contain_text("mark_animal")

    photos.add(("photo-9.jpg", base64_text(image_bytes("JPEG", (640, 480)))))
    line.get_by_text("Manage").click()
    line.get_by_role("button", name="Sync now").click()
    expect(line).to_contain_text("0/4")
    expect(page.get_by_label("Order")).to_have_value("state")


def test_what_is_typed_into_the_form_stays(page: Page) -> None:
    # It is fetched; a second one that comes later would empty the first under the hands of whoever types.
    expect(page.get_by_label("Deployment name")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/polardb/deploy") else None)
    page.reload()
    page.get_by_label("Deployment name").fill("mark_animal")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_label("Deployment name")).to_have_value("mark_animal")
    assert len(asked) == 1, asked


def test_a_table_of_other_columns_is_deployed(page: Page, photos: Source) -> None:
    photos.execute("CREATE TABLE notes (sku VARCHAR(20) PRIMARY KEY, `a,b` TEXT, answer LONGTEXT)")
    photos.execute("INSERT INTO notes VALUES ('é-1', 'some <b>words</b>', NULL)")
    schema = '{"type": "TextClassification", "labels": ["good"]}'
    photos.execute(f"INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('notes', '{schema}')")
    page.reload()
    line = page.locator(".polardb-recognized")
    expect(line).to_have_text("The columns are those of the documented layout.")
    expect(page.get_by_label("Template").locator("option[value='2']")).to_have_text("2: notes ⚠")
    page.get_by_label("Deployment name").fill("notes")
    page.get_by_label("Source table").select_option("notes")
    page.get_by_label("Template").select_option("2")
    expect(page.locator(".polardb-problems")).to_have_text("Choose the column that takes results.")
    expect(page.locator(".stands-for")).to_be_hidden()
    expect(page.get_by_label("a,b is used for")).to_have_value("field")
    page.get_by_text("1 other column").click()
    page.get_by_label("answer is used for").select_option("annotation_data")
    expect(page.locator(".polardb-tasks article")).to_contain_text("some <b>words</b>")
    expect(page.get_by_label("Template").locator("option[value='1']")).to_contain_text("⚠")
    page.get_by_text("As a statement").click()
    expect(page.locator(".stands-for code")).to_contain_text("map = 'text=`a,b`:text'")
    page.get_by_label("Project title").fill("Notes of ours")
    expect(page.locator(".stands-for code")).to_contain_text("title = 'Notes of ours'")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("article#notes")).to_contain_text("0/1", timeout=90_000)


def test_a_password_is_shown_and_reset(page: Page) -> None:
    deploy(page, "mark_animal", TABLE)
    page.get_by_role("link", name="Show or reset").click()
    page.get_by_label("Your own password").fill(ADMINISTRATOR[1])
    page.get_by_role("button", name="Show").click()
    first = page.locator("main code").inner_text()
    page.go_back()
    page.get_by_label("Your own password").fill(ADMINISTRATOR[1])
    page.get_by_role("button", name="Reset password").click()
    expect(page.locator("main code")).not_to_have_text(first)
    expect(page.get_by_role("button", name="Copy")).to_be_visible()


def test_a_double_click_runs_once(page: Page, label_studio: LabelStudio) -> None:
    page.goto(f"{label_studio.url}/polardb/statements")
    page.get_by_label("Run statements").fill("SHOW DEPLOYMENTS")
    page.get_by_role("button", name="Run").dblclick()
    expect(page.locator(".result")).to_have_count(1)
    expect(page.locator(".record tbody tr")).to_have_count(1)
    page.go_back()
    page.get_by_label("Run statements").fill("SHOW WHITEIPS `model_x`")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".record tbody tr")).to_have_count(2)


def test_a_page_outlives_its_session(page: Page, context: BrowserContext, label_studio: LabelStudio) -> None:
    page.goto(f"{label_studio.url}/polardb/statements")
    page.get_by_label("Run statements").fill("SHOW DEPLOYMENTS")
    other = context.new_page()
    other.goto(f"{label_studio.url}/logout")
    other.goto(f"{label_studio.url}/polardb/")
    log_in(other, *ADMINISTRATOR)
    expect(other.get_by_role("heading", name="Deployments")).to_be_visible()
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".result")).to_have_count(1)

    # Each answer brings the session's cookie anew: none may come after it is taken away.
    expect(other.locator(".polardb-recognized")).to_contain_text("documented layout")
    other.close()
    page.wait_for_load_state("networkidle")
    page.get_by_label("Run statements").fill("SHOW DEPLOYMENTS LIKE 'a%'")
    context.clear_cookies()
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was done.")
    expect(page.locator("pre")).to_have_text("SHOW DEPLOYMENTS LIKE 'a%'")
    page.get_by_role("link", name="Open the page again").click()
    log_in(page, *ADMINISTRATOR)
    expect(page.get_by_label("Run statements")).to_be_visible()


def test_everybody_can_use_our_pages(page: Page, photos: Source, label_studio: LabelStudio, tmp_path: Path) -> None:
    photos.execute(f"CREATE TABLE cars LIKE {TABLE}")
    photos.execute("CREATE TABLE free LIKE cars")
    photos.execute("CREATE TABLE `t.dot` LIKE cars")
    photos.execute(f"INSERT INTO free SELECT * FROM {TABLE}")
    deploy(page, "mark_animal", TABLE)
    page.locator("article#mark_animal").get_by_role("button", name="Add my address").click()
    page.goto(f"{label_studio.url}/polardb/")
    deploy(page, LONG, "cars")
    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    for number, path in enumerate(
        ("", "deploy", "statements", "mark_animal/drop", "mark_animal/password", "../deployments/mark_animal/")
    ):
        page.goto(f"{label_studio.url}/polardb/{path}")
        for look in looks(page):
            if not path:
                page.locator("article#mark_animal details > summary").click()
                page.locator("details#deploy > summary").click()
                expect(page.locator("details#deploy form")).to_be_visible()
            if path == "deploy":
                expect(page.locator(".polardb-recognized")).not_to_be_empty()
                page.locator(".polardb-change").click()
                expect(page.locator(".polardb-tasks article").first).to_be_visible()
            page.screenshot(path=shots / f"{number}-{look}.png", full_page=True)
            expect_accessible(page)


def test_the_page_follows_label_studio_s_theme_and_fonts(page: Page, label_studio: LabelStudio) -> None:
    def ground() -> str:
        color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return color

    page.goto(f"{label_studio.url}/projects/")
    # By Label Studio's own switch.
    page.evaluate("localStorage.setItem('preferred-color-scheme', 'Dark')")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-color-scheme", "dark")
    theirs = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--color-neutral-background')")
    page.goto(f"{label_studio.url}/polardb/")
    numbers = [int(number) for number in re.findall(r"\d+", ground())]
    if theirs.strip().startswith("#"):
        assert numbers == [int(theirs.strip()[at : at + 2], 16) for at in (1, 3, 5)]
    else:
        assert numbers == [int(number) for number in re.findall(r"\d+", theirs)]
    assert page.evaluate("document.fonts.load('15px Figtree').then(fonts => fonts.length)") == 1
    page.evaluate("localStorage.setItem('preferred-color-scheme', 'Auto')")
    page.emulate_media(color_scheme="light")
    page.reload()
    assert ground() == "rgb(253, 253, 252)"
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-color-scheme", "dark")
