"""The cards of the Cloud Storage page: they follow by themselves, warn of what is missing, and show all they have."""

from __future__ import annotations

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from support.storage_page import LABELING_CONFIG, Account, LabelStudio, StoragePage

pytestmark = pytest.mark.browser

OFFER = "Write results back to this table"
WARNING = "Results stay in Label Studio: this project has no target that writes them into the table."
LONG = "Pictures of animals from the northern camera traps, second winter, without those of the third valley"


class LongSync:
    """As long as it runs, the server tells this page that syncs of sources are in progress."""

    def __init__(self, page: Page) -> None:
        self.runs = True
        self.asked = 0
        page.route(re.compile(r"/api/storages/?(polardb/\d+(/sync)?)?(\?|$)"), self._answer)

    def _answer(self, route: Route) -> None:
        self.asked += route.request.method == "GET" and bool(re.search(r"/\d+$", route.request.url))
        answer = route.fetch()
        if not self.runs:
            route.fulfill(response=answer)
            return
        body = answer.json()
        running = {"status": "in_progress", "last_sync": None}
        changed = [{**storage, **running} for storage in body] if isinstance(body, list) else {**body, **running}
        route.fulfill(response=answer, json=changed)


def set_hidden(page: Page, hidden: bool) -> None:
    """As when somebody goes to another tab, or comes back."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_a_card_follows_a_sync_that_outlasts_its_answer(storage_page: StoragePage, account: Account) -> None:
    page = storage_page.page
    storage_page.add_source(account)
    card = storage_page.card("Animals table")
    sync = card.get_by_label("Sync Storage")
    expect(sync).to_be_enabled()
    long_sync = LongSync(page)
    sync.click()
    expect(card).to_contain_text("Syncing: this card follows by itself.", timeout=60_000)
    expect(card).to_contain_text("In progress")
    expect(sync).to_be_disabled()
    is_asked = re.compile(r"/api/storages/polardb/\d+$")
    with page.expect_request(is_asked):
        pass

    set_hidden(page, True)
    page.wait_for_timeout(2500)  # for a question that was on its way
    before = long_sync.asked
    page.wait_for_timeout(5000)
    assert long_sync.asked == before, "nobody sees the page"

    long_sync.runs = False
    set_hidden(page, False)
    storage_page.expect_synced("Animals table", "Rows synced 3 (0 new)")
    expect(sync).to_be_enabled()
    expect(card).not_to_contain_text("Syncing:")
    page.wait_for_timeout(1000)
    before = long_sync.asked
    page.wait_for_timeout(5000)
    assert long_sync.asked == before, "nothing is to be followed"

    # Once more, without a reload.
    with page.expect_response(re.compile(r"/sync\b"), timeout=60_000):
        sync.click()
    expect(sync).to_be_enabled()


def test_a_source_without_a_target_gets_one_with_one_click(storage_page: StoragePage, account: Account) -> None:
    page = storage_page.page
    storage_page.add_source(account)
    card = storage_page.card("Animals table")
    expect(card).to_contain_text(WARNING)
    found = Axe().run(page, context={"include": [[".polardb-warning"]]}).response["violations"]
    assert [finding["id"] for finding in found if finding["impact"] in ("serious", "critical")] == []
    card.get_by_role("button", name=OFFER).click()
    cards = page.locator(".lsf-card")
    expect(cards).to_have_count(2)
    expect(cards.nth(1)).to_contain_text("Last written Nothing yet")
    expect(cards.nth(0)).not_to_contain_text(WARNING)
    # It says so again once the target is gone.
    cards.nth(1).get_by_label("Storage options").click()
    page.get_by_text("Delete", exact=True).locator("visible=true").click()
    storage_page.button("Confirm").click()
    expect(cards).to_have_count(1)
    expect(card).to_contain_text(WARNING)


def test_a_table_of_another_project_gets_no_second_target(storage_page: StoragePage, account: Account) -> None:
    storage_page.add_source(account)
    storage_page.add_target(account)
    first = storage_page.project_id
    second = storage_page.api("POST", "/api/projects", {"title": "Second", "label_config": LABELING_CONFIG})
    storage_page.project_id = second["id"]
    storage_page.reload()
    storage_page.add_source(account)
    card = storage_page.card("Animals table")
    card.get_by_role("button", name=OFFER).click()
    expect(card.get_by_role("alert")).to_contain_text(f"already belongs to the project 'Animals' (/projects/{first})")
    expect(card.get_by_role("button", name=OFFER)).to_be_enabled()
    expect(storage_page.page.locator(".lsf-card")).to_have_count(1)


def expect_in_window(place: Locator, least: int) -> None:
    """Wide enough to be read, and nothing beyond the right edge, once the page has come to rest."""
    expect(place).to_be_visible()
    deadline = time.monotonic() + 10
    width = place.page.evaluate("innerWidth")
    while not ((box := place.bounding_box()) and box["width"] > least and box["x"] + box["width"] <= width):
        assert time.monotonic() < deadline, f"{place} is at {box}"
        place.page.wait_for_timeout(100)


@pytest.mark.parametrize("width", [1280, 400])
def test_titles_are_shown_in_full(storage_page: StoragePage, account: Account, width: int) -> None:
    page = storage_page.page
    storage_page.add_source(account, LONG)
    page.set_viewport_size({"width": width, "height": 900})
    title = page.locator(".lsf-card").get_by_text(LONG)
    expect_in_window(page.locator(".lsf-card"), 280)
    clipped = title.evaluate("(e) => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth]")
    assert max(clipped) <= 1, clipped
    storage_page.choose_on_card(LONG, "Edit")
    expect(page.locator("input[name=host]")).to_have_value(account.host)
    for name in ("host", "port", "password", "table"):
        expect_in_window(page.locator(f"input[name={name}]"), 150)


CHINESE = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}


@pytest.mark.parametrize("how", ["browser", "cookie"])
def test_wizard_and_cards_speak_chinese(
    context: BrowserContext, label_studio: LabelStudio, account: Account, how: str
) -> None:
    storage_page = StoragePage.open(context.new_page(), label_studio.url)
    page = storage_page.page
    if how == "browser":
        context.set_extra_http_headers(CHINESE)
    else:
        context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": label_studio.url}])
    page.reload()
    page.locator("button[aria-label='添加来源存储']:visible:enabled").click()
    page.get_by_test_id("storage-provider-polardb").click()
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_text("PolarDB、MySQL 或 MariaDB 的表：每一行是一个任务")).to_be_visible()
    page.get_by_role("button", name="测试连接").click()
    expect(storage_page.field("host")).to_contain_text("请填写主机")
    storage_page.fill(title="Delete", **vars(account))
    page.get_by_role("button", name="测试连接").click()
    expect(page.get_by_role("button", name="连接成功")).to_be_visible()
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_test_id("polardb-preview")).to_contain_text("现在同步：4 个新任务。")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_test_id("polardb-review")).to_contain_text("可以读取这张表了")
    page.get_by_role("button", name="保存并同步").click()
    # A title stays as its owner has written it.
    card = page.locator(".lsf-card", has_text="Delete")
    expect(card).to_contain_text("已完成", timeout=90_000)
    for words in ("已同步的行 3（新增 3）", "图片送达方式", "上次同步", "（查看日志）", "类型 PolarDB 表"):
        expect(card).to_contain_text(words)
    card.get_by_role("button", name="把结果写回这张表").click()
    expect(page.locator(".lsf-card").nth(1)).to_contain_text("上次写入 尚未写入")
    # Until the source's card is drawn anew, it warns that results stay in Label Studio.
    expect(page.locator(".lsf-card").first).not_to_contain_text("Label Studio")
    english = re.findall(r"[A-Z][a-z]+(?: [a-z]+)*", page.locator(".lsf-sidebar-menu__content").inner_text())
    assert set(english) <= {"Cloud", "Storage", "Delete", "Polar"}
