"""What the storage form offers to choose from: databases, tables and encryption, as the server in the form tells."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Request, Route, expect

from support.certificates import Authority
from support.source_data import Source
from support.storage_page import Account, StoragePage
from support.tls_proxy import tls_proxy

pytestmark = pytest.mark.browser


def fill_account(storage_page: StoragePage, account: Account, **changes: object) -> None:
    storage_page.fill(host=account.host, port=account.port, user=account.user, password=account.password)
    storage_page.fill(**changes)


def options(storage_page: StoragePage, name: str) -> Locator:
    return storage_page.page.locator(f"#polardb-choices-{name} [role=option]")


def come_to(storage_page: StoragePage, name: str) -> Locator:
    """Click into a field with a list; what is said below it."""
    storage_page.page.locator(f"input[name={name}]").click()
    return storage_page.page.locator(
        ".polardb-chooser", has=storage_page.page.locator(f"input[name={name}]")
    ).get_by_role("status")


def test_database_and_table_are_chosen_with_mouse_and_keys(
    storage_page: StoragePage, photos: Source, account: Account
) -> None:
    page = storage_page.page
    photos.execute("CREATE TABLE `<b>100%%</b> `` x` (a int)")
    photos.execute("CREATE TABLE aardvark (a int)")
    photos.execute(f"CREATE TABLE `rtl\u202egnp` LIKE {photos.table}")
    storage_page.choose_provider("Source")
    fill_account(storage_page, account, title="Animals table")
    come_to(storage_page, "database")
    expect(options(storage_page, "database")).to_have_text([account.database])
    options(storage_page, "database").click()
    expect(page.locator("input[name=database]")).to_have_value(account.database)
    expect(options(storage_page, "database")).to_be_hidden()

    come_to(storage_page, "table")
    tables = options(storage_page, "table")
    expect(tables.first).to_have_text(account.table)
    expect(tables.filter(has_text="aardvark")).to_contain_text("other columns: the next step asks what they are for")
    hostile = tables.filter(has_text="<b>100%</b> ` x")
    expect(hostile).to_have_attribute("aria-disabled", "true")
    expect(hostile).to_contain_text("cannot be a table's name")
    reordered = tables.filter(has_text="rtl")
    expect(reordered).to_have_attribute("aria-disabled", "true")
    expect(reordered.locator("bdi")).to_have_text("rtl\\u202egnp")
    found = Axe().run(page, context={"include": [[".polardb-connection"]]}).response["violations"]
    assert [finding["id"] for finding in found if finding["impact"] in ("serious", "critical")] == []
    hostile.click(force=True)
    expect(page.locator("input[name=table]")).to_have_value("")

    page.keyboard.type("aard")
    expect(tables).to_have_count(1)
    page.keyboard.press("Escape")
    expect(tables).to_be_hidden()
    expect(page.locator("input[name=table]")).to_have_value("aard")
    page.locator("input[name=table]").fill("")
    page.keyboard.press("ArrowDown")
    expect(tables.first).to_have_class("polardb-at")
    page.keyboard.press("Enter")
    expect(page.locator("input[name=table]")).to_have_value(account.table)
    expect(page.get_by_role("heading", name="PolarDB table")).to_be_visible()  # the form is still open
    storage_page.test_connection()


def test_names_can_be_typed_that_no_list_has(storage_page: StoragePage, account: Account) -> None:
    storage_page.choose_provider("Target")
    fill_account(storage_page, account, title="Results")
    come_to(storage_page, "database")
    expect(options(storage_page, "database")).to_have_count(1)
    storage_page.page.keyboard.type("elsewhere")
    expect(come_to(storage_page, "database")).to_have_text("No name in the list contains this.")
    expect(come_to(storage_page, "table")).to_contain_text("'elsewhere'")
    storage_page.page.keyboard.type("no_such_table")
    storage_page.button("Test Connection").click()
    expect(storage_page.field("database")).to_contain_text("may not use the database 'elsewhere'")


def test_an_edited_storage_is_asked_with_its_stored_password(storage_page: StoragePage, account: Account) -> None:
    storage_page.add_source(account)
    storage_page.choose_on_card("Animals table", "Edit")
    come_to(storage_page, "table")
    expect(options(storage_page, "table").first).to_have_attribute("aria-selected", "true")
    expect(options(storage_page, "table").first).to_have_text(account.table)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


def test_a_server_that_hangs_stops_nobody(storage_page: StoragePage, account: Account, silent_port: int) -> None:
    page = storage_page.page
    storage_page.choose_provider("Source")
    fill_account(storage_page, account, port=silent_port)
    expect(come_to(storage_page, "database")).to_have_text("Asking the server…")
    # Nothing waits for it, and what it says in the end is of another server than the form's.
    storage_page.fill(title="Animals table", port=account.port)
    come_to(storage_page, "database")
    expect(options(storage_page, "database")).to_have_text([account.database])
    with page.expect_response(re.compile("/polardb/validate")):
        storage_page.fill(database=account.database, table=account.table)
        storage_page.button("Test Connection").click()
    expect(storage_page.button("Connection Verified")).to_be_visible()
    for name, value in (("title", "Animals table"), ("port", str(account.port)), ("table", account.table)):
        expect(page.locator(f"input[name={name}]")).to_have_value(value)

    storage_page.fill(port=silent_port)
    said = come_to(storage_page, "database")
    expect(said).to_have_text("Asking the server…")
    expect(said).to_contain_text("127.0.0.1")  # why it was given up
    expect(options(storage_page, "database")).to_have_count(0)


def test_an_answer_that_comes_late_is_not_taken_for_another_database(
    storage_page: StoragePage, account: Account
) -> None:
    held: list[Route] = []

    def answer(route: Route) -> None:
        if (route.request.post_data_json or {})["database"] == "first":
            held.append(route)
            return
        route.fulfill(body=listed(route.request, ["second_table"]), content_type="application/json")

    def listed(request: Request, names: list[str]) -> str:
        tables = [{"name": name, "has_columns": True, "problem": ""} for name in names]
        return json.dumps({"tls": "disabled", "databases": ["first", "second"], "tables": tables, "is_complete": True})

    storage_page.page.route("**/polardb/tables", answer)
    storage_page.choose_provider("Source")
    fill_account(storage_page, account, database="first")
    expect(come_to(storage_page, "table")).to_have_text("Asking the server…")
    storage_page.fill(database="second")
    come_to(storage_page, "table")
    expect(options(storage_page, "table")).to_have_text(["second_table"])
    [late] = held
    late.fulfill(body=listed(late.request, ["first_table"]), content_type="application/json")
    storage_page.fill(database="first")
    storage_page.fill(database="second")
    come_to(storage_page, "table")
    expect(options(storage_page, "table")).to_have_text(["second_table"])


def test_of_ten_thousand_tables_those_are_shown_that_match(storage_page: StoragePage, account: Account) -> None:
    tables = [{"name": f"table_{number:05}", "has_columns": None, "problem": ""} for number in range(10_000)]
    answer = {"tls": "disabled", "databases": ["large"], "tables": tables, "is_complete": False}
    storage_page.page.route("**/polardb/tables", lambda route: route.fulfill(json=answer))
    storage_page.choose_provider("Source")
    fill_account(storage_page, account, database="large")
    said = come_to(storage_page, "table")
    expect(said).to_have_text("9,900 more: type a part of the name.")
    expect(options(storage_page, "table")).to_have_count(100)
    storage_page.page.keyboard.type("_0999")
    expect(options(storage_page, "table")).to_have_count(10)
    expect(said).to_have_text("There are more than are listed: other names can be typed.")


def test_a_server_s_encryption_is_proposed_and_never_given_up(
    storage_page: StoragePage, account: Account, tmp_path: Path
) -> None:
    page = storage_page.page
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/polardb/tables"):
            asked.append((request.post_data_json or {})["tls"])

    page.on("request", note)
    with tls_proxy(account.port, Authority(tmp_path).certificate("server"), towards_server=False) as port:
        storage_page.choose_provider("Source")
        fill_account(storage_page, account, port=port)
        expect(page.get_by_text("Disabled: the connection is not encrypted")).to_be_visible()
        come_to(storage_page, "database")
        offer = page.locator(".polardb-offer")
        expect(offer).to_contain_text("This server offers more: “Required”.")
        offer.get_by_role("button", name="Use it").click()
        expect(page.get_by_text("Required: encrypted, whoever answers")).to_be_visible()
        expect(offer).not_to_contain_text("offers more")
        # A server without encryption, and a form that asks for it: it is not asked without.
        storage_page.fill(port=account.port)
        expect(come_to(storage_page, "database")).to_contain_text("TLS")
        expect(page.get_by_text("Required: encrypted, whoever answers")).to_be_visible()
    assert asked == ["", "required"]
