"""The Cloud Storage page with a mouse: Chromium, Label Studio under gunicorn, a real MariaDB."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from support.editor import draw_box, wait_for_row
from support.source_data import Source
from support.storage_page import LABELING_CONFIG, Account, LabelStudio, StoragePage

pytestmark = pytest.mark.browser


def test_a_table_is_added_previewed_synced_labeled_and_written(
    storage_page: StoragePage, photos: Source, account: Account
) -> None:
    page = storage_page.page
    storage_page.choose_provider("Source")
    storage_page.fill(title="Animals table", **vars(account) | {"password": "wrong"})
    storage_page.button("Test Connection").click()
    expect(storage_page.field("password")).to_contain_text("user name or password is wrong")
    expect(storage_page.button("Next")).to_be_disabled()
    storage_page.fill(password=account.password)
    storage_page.test_connection()
    storage_page.button("Next").click()

    preview = page.get_by_test_id("polardb-preview")
    expect(preview).to_contain_text("The table has 4 rows")
    expect(preview).to_contain_text("A sync now: 4 new tasks.")
    rows = preview.locator("tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text(re.compile(r"1photo-1\.jpg\d+ KBimage/jpeg.*No$"))
    assert rows.nth(0).locator("img").evaluate("image => image.naturalWidth") == 64
    expect(rows.nth(3)).to_contain_text("base64_data is not base64")
    storage_page.button("Next").click()

    review = page.get_by_test_id("polardb-review")
    expect(review).to_contain_text(f"{account.database}.{account.table}")
    expect(review).to_contain_text("4 rows")
    expect(review).to_contain_text("Syncon request")
    storage_page.button("Save & Sync").click()
    card = storage_page.card("Animals table")
    expect(card).to_contain_text(f"{account.host}:{account.port}")
    expect(card).to_contain_text(f"{account.database}.{account.table}")
    storage_page.expect_synced("Animals table", "Rows synced 3 (3 new)")
    card.get_by_text("1 (show why)").click()
    expect(card).to_contain_text("row 4 (broken.jpg): base64_data is not base64")

    storage_page.add_target(account)
    page.goto(f"{storage_page.url}/projects/{storage_page.project_id}/data")
    expect(page.get_by_text("photo-1.jpg")).to_be_visible()
    expect(page.get_by_text("photo-3.jpg")).to_be_visible()
    page.get_by_text("photo-2.jpg").click()
    draw_box(page)

    row = wait_for_row(photos, 2)
    [region] = row["annotation_data"]
    assert region["value"]["rectanglelabels"] == ["cat"]
    assert (region["original_width"], region["original_height"]) == (640, 480)
    assert row["annotation_count"] == 1
    storage_page.reload()
    expect(storage_page.card("Results")).to_contain_text(re.compile(r"Last written \d.*Pending.*0.*Failed.*0"))


def test_a_second_project_is_told_whose_the_table_is(storage_page: StoragePage, account: Account) -> None:
    page = storage_page.page
    storage_page.add_source(account)
    storage_page.add_target(account)
    second = storage_page.api("POST", "/api/projects", {"title": "Second", "label_config": LABELING_CONFIG})
    first, storage_page.project_id = storage_page.project_id, second["id"]
    storage_page.reload()
    storage_page.choose_provider("Source")
    storage_page.fill(title="Again", **vars(account))
    storage_page.test_connection()
    storage_page.button("Next").click()
    expect(page.get_by_test_id("polardb-preview")).to_contain_text(
        "3 rows are tasks of the project “Animals” already. Results are written by it: this project may read the "
        "table, and not write it."
    )
    storage_page.reload()
    storage_page.choose_provider("Target")
    storage_page.fill(title="Results again", **vars(account))
    storage_page.button("Test Connection").click()
    expect(storage_page.field("table")).to_contain_text(f"already belongs to the project 'Animals' (/projects/{first})")


def test_a_source_is_edited_without_typing_the_password_again(storage_page: StoragePage, account: Account) -> None:
    storage_page.add_source(account)
    storage_page.choose_on_card("Animals table", "Edit")
    expect(storage_page.page.locator("input[name=host]")).to_have_value(account.host)
    expect(storage_page.page.locator("input[name=password]")).not_to_have_value(account.password)
    storage_page.fill(title="Renamed table", port=1)
    storage_page.button("Test Connection").click()
    expect(storage_page.field("password")).to_contain_text("Type the password again")
    storage_page.fill(port=account.port)
    storage_page.test_connection()
    storage_page.button("Next").click()
    expect(storage_page.page.get_by_test_id("polardb-preview").locator("tbody tr")).to_have_count(4)
    storage_page.button("Next").click()
    storage_page.button("Save").click()
    expect(storage_page.card("Renamed table")).to_be_visible()
    storage_page.card("Renamed table").get_by_label("Sync Storage").click()
    storage_page.expect_synced("Renamed table", "Rows synced 3 (0 new)")


def test_a_target_is_added_edited_and_deleted(storage_page: StoragePage, account: Account) -> None:
    page = storage_page.page
    storage_page.choose_provider("Target")
    expect(page.get_by_text("Clear a row's result when its annotations are deleted")).to_be_visible()
    expect(page.get_by_text("Rows and images are never deleted.")).to_be_visible()
    expect(page.get_by_text("Image delivery")).to_have_count(0)
    storage_page.fill(title="Results", **vars(account))
    storage_page.test_connection()
    storage_page.button("Save").click()
    card = storage_page.card("Results")
    expect(card).to_contain_text("Last written Nothing yet")
    expect(card).to_contain_text(re.compile("Pending.*0"))

    storage_page.choose_on_card("Results", "Edit")
    page.get_by_label("Clear a row's result when its annotations are deleted").check(force=True)
    storage_page.test_connection()
    storage_page.button("Save").click()
    expect(page.get_by_text("Edit Target Storage")).to_have_count(0)
    [stored] = storage_page.api("GET", f"/api/storages/export/polardb?project={storage_page.project_id}")
    assert stored["can_delete_objects"] is True
    storage_page.delete("Results")


def test_a_source_is_deleted_and_its_tasks_stay(storage_page: StoragePage, account: Account) -> None:
    storage_page.add_source(account)
    storage_page.delete("Animals table")
    assert storage_page.api("GET", f"/api/projects/{storage_page.project_id}")["task_number"] == 3


def test_bad_input_is_explained_beside_its_field(
    storage_page: StoragePage, photos: Source, account: Account, reader: dict[str, str]
) -> None:
    photos.execute(f"CREATE TABLE short LIKE {account.table}")
    photos.execute("ALTER TABLE short DROP COLUMN annotation_uid")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        cases = [
            ({"host": "no-such-host.invalid"}, "host", "'no-such-host.invalid' is not known"),
            ({"host": "10.1.2.3"}, "host", "Connections to 10.1.2.3 are blocked"),
            ({"port": closed.getsockname()[1]}, "port", "refuses connections on port"),
            ({"port": ""}, "port", "Port is a whole number from 1 to 65535"),
            ({"password": "wrong"}, "password", "user name or password is wrong"),
            ({"database": "no_such_database"}, "database", "may not use the database 'no_such_database'"),
            ({"table": "no_such_table"}, "table", "There is no table 'no_such_table'"),
            ({"table": "short"}, "table", "column 'annotation_uid' is missing"),
            (reader, "user", "lacks a privilege: UPDATE"),
        ]
        storage_page.choose_provider("Target")
        storage_page.fill(title="Results")
        for changes, field, sentence in cases:
            storage_page.fill(**vars(account) | changes)
            started = time.monotonic()
            storage_page.button("Test Connection").click()
            expect(storage_page.field(field)).to_contain_text(sentence)
            assert time.monotonic() - started < 5, f"{changes} took too long"
            expect(storage_page.button("Save")).to_be_disabled()
        storage_page.fill(**vars(account))
        storage_page.test_connection()


@pytest.mark.parametrize("direction", ["Source", "Target"])
def test_what_will_surprise_people_is_said_when_the_connection_is_tested(
    storage_page: StoragePage, photos: Source, account: Account, direction: str
) -> None:
    warnings = storage_page.page.locator("#polardb-warnings li")
    if direction == "Source":
        photos.execute(f"ALTER TABLE {account.table} MODIFY updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP")
        mend, said = "MODIFY updated_at timestamp ON UPDATE CURRENT_TIMESTAMP", "what is replaced later is not"
    else:
        photos.execute(f"UPDATE {account.table} SET annotation_data = '[]'")
        photos.execute(f"ALTER TABLE {account.table} MODIFY annotation_data json NOT NULL")
        mend, said = "MODIFY annotation_data json", "'annotation_data' is NOT NULL and has no default"
    storage_page.choose_provider(direction)
    storage_page.fill(title="Animals table", **vars(account))
    storage_page.test_connection()
    expect(warnings.filter(has_text=said)).to_have_count(1)
    before = warnings.count()
    photos.execute(f"ALTER TABLE {account.table} {mend}")
    storage_page.fill(title="Animals")
    storage_page.test_connection()
    expect(warnings).to_have_count(before - 1)
    storage_page.fill(password="wrong")
    storage_page.button("Test Connection").click()
    expect(storage_page.field("password")).to_contain_text("user name or password is wrong")
    expect(warnings).to_have_count(0)


def test_a_preview_that_fails_says_why(storage_page: StoragePage, account: Account) -> None:
    storage_page.add_source(account)
    storage_page.choose_on_card("Animals table", "Edit")
    storage_page.fill(table="no_such_table")
    storage_page.button("Next").click()
    expect(storage_page.page.get_by_text("There is no table 'no_such_table'")).to_be_visible()
    expect(storage_page.page.get_by_test_id("polardb-preview")).to_contain_text("No rows loaded.")


@pytest.mark.parametrize("direction", ["Source", "Target"])
@pytest.mark.parametrize(
    ("provider", "title", "fields"),
    [
        ("s3", "Amazon S3", {"bucket", "region_name", "s3_endpoint", "aws_access_key_id", "aws_secret_access_key"}),
        ("redis", "Redis Storage", {"host", "port", "db", "password"}),
    ],
)
def test_other_providers_forms_open(
    storage_page: StoragePage, direction: str, provider: str, title: str, fields: set[str]
) -> None:
    storage_page.choose_provider(direction, provider)
    page = storage_page.page
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    names = page.locator("input[name]").evaluate_all("inputs => inputs.map((input) => input.name)")
    assert fields | {"title"} <= set(names)
    assert not {"database", "table", "user"} & set(names)
    if direction == "Target":
        expect(page.get_by_label("Can delete objects from storage")).to_be_attached()


def test_local_files_are_added_with_label_studios_own_steps(
    storage_page: StoragePage, label_studio: LabelStudio
) -> None:
    folder = label_studio.local_files / f"project-{storage_page.project_id}"
    folder.mkdir(parents=True)
    (folder / "note.json").write_text('{"image": "none"}')
    page = storage_page.page
    storage_page.choose_provider("Source", "localfiles")
    storage_page.fill(title="Local folder", path=folder)
    storage_page.test_connection()
    storage_page.button("Next").click()
    expect(page.get_by_text("Configure Import Settings & Preview Data")).to_be_visible()
    storage_page.button("Load Preview").click()
    expect(page.get_by_text("note.json")).to_be_visible()
    storage_page.button("Next").click()
    expect(page.get_by_text("Ready to Connect")).to_be_visible()
    storage_page.button("Save").click()
    expect(storage_page.card("Local folder")).to_contain_text(str(folder))
    storage_page.delete("Local folder")


def test_the_page_works_below_a_path(
    context: BrowserContext, serve: Callable[..., LabelStudio], account: Account
) -> None:
    server = serve("/label-studio")
    storage_page = StoragePage.open(context.new_page(), server.url)
    requests: list[str] = []
    storage_page.page.on("request", lambda request: requests.append(request.url))
    storage_page.reload()
    storage_page.add_source(account)
    storage_page.expect_synced("Animals table", "Rows synced 3 (3 new)")
    ours = [url for url in requests if "polardb-ui" in url]
    assert sorted(set(ours)) == [f"{server.url}/polardb-ui/wizard.css", f"{server.url}/polardb-ui/wizard.js"]


def older_form_add_edit_delete(storage_page: StoragePage, account: Account) -> None:
    page = storage_page.page
    for direction, title in (("Source", "Animals table"), ("Target", "Results")):
        storage_page.add(direction)
        expect(page.get_by_test_id("select-trigger-storage_type-polardb")).to_be_visible()
        storage_page.fill(title=title, **vars(account))
        page.get_by_label("Test storage connection").click()
        expect(page.get_by_text("Successfully connected!")).to_be_visible()
        page.get_by_label("Add storage", exact=True).click()
        expect(storage_page.card(title)).to_contain_text("PolarDB table")
    storage_page.card("Animals table").get_by_label("Sync Storage").click()
    storage_page.expect_synced("Animals table", "3 (3 new)")

    storage_page.choose_on_card("Animals table", "Edit")
    expect(page.locator("input[name=port]")).to_have_value(str(account.port))
    storage_page.fill(title="Renamed table")
    page.get_by_label("Test storage connection").click()
    expect(page.get_by_text("Successfully connected!")).to_be_visible()
    page.get_by_label("Save storage settings").click()
    expect(storage_page.card("Renamed table")).to_be_visible()
    storage_page.delete("Renamed table")
    storage_page.delete("Results")


def change_frontend(context: BrowserContext, script: str, pattern: str, replacement: str) -> None:
    """Serve one of Label Studio's scripts with a change, as another version might bring it."""

    def fulfill(route: Route) -> None:
        answer = route.fetch()
        changed, times = re.subn(pattern, replacement, answer.text())
        assert times == 1
        route.fulfill(response=answer, body=changed)

    context.route(re.compile(rf"/react-app/{script}\?"), fulfill)


def test_the_older_form_opens_where_reacts_factory_is_not_found(
    context: BrowserContext, label_studio: LabelStudio, account: Account
) -> None:
    change_frontend(context, "vendor.js", r"\.jsxs=(\w+)", rf".jsxs=\1/*{'x' * 5000}*/")
    older_form_add_edit_delete(StoragePage.open(context.new_page(), label_studio.url), account)


def test_the_older_form_opens_where_the_wizard_takes_no_provider(
    context: BrowserContext, complaints: list[str], label_studio: LabelStudio, account: Account
) -> None:
    change_frontend(context, "main.js", '"ZodString"', '"ZodText"')
    storage_page = StoragePage.open(context.new_page(), label_studio.url)
    with storage_page.page.expect_navigation():
        storage_page.add("Source")
    [complaint] = complaints
    assert "cannot be extended" in complaint
    complaints.clear()
    older_form_add_edit_delete(storage_page, account)
