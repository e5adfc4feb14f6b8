"""A deployment from its statement to its end, and the operator's page: Chromium, gunicorn, a real MariaDB."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, expect

from dev.label_studio import run_command
from support.editor import draw_box, wait_for_row
from support.source_data import Source, url_of
from support.storage_page import ADMINISTRATOR, LabelStudio, log_in

pytestmark = pytest.mark.browser

DEPLOY = (
    "/*polar4ai*/DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = '1', "
    "annotation_source = 'polardb4ai_annotation_source_animal', deployment_name = 'mark_animal');"
)
OPEN_ELSEWHERE = "/*polar4ai*/UPDATE WHITEIPS `model_mark_animal` WITH (ips='118.178.1.2,192.168.100.0/24');"
OPEN_HERE = "/*polar4ai*/UPDATE WHITEIPS `model_mark_animal` WITH (ips='118.178.1.2,127.0.0.1');"


@pytest.fixture
def label_studio(serve: Callable[..., LabelStudio], photos: Source) -> LabelStudio:
    return serve(has_administrator=True, POLARDB_URL=url_of(photos.parameters))


@pytest.fixture
def run(label_studio: LabelStudio) -> Callable[[str], list[dict[str, Any]]]:
    """Run a statement as a person does; its rows."""

    def run(statement: str) -> list[dict[str, Any]]:
        environment = {**label_studio.environment, "LABEL_STUDIO_HOST": label_studio.url}
        done = run_command(environment, "polar4ai", "--json", statement)
        assert done.returncode == 0, done.stderr
        [result] = json.loads(done.stdout)["results"]
        return [dict(zip(result["columns"], row, strict=True)) for row in result["rows"]]

    return run


def test_a_deployment_from_its_statement_to_its_end(
    run: Callable[[str], list[dict[str, Any]]], label_studio: LabelStudio, photos: Source, context: BrowserContext
) -> None:
    run(DEPLOY)
    [row] = run("/*polar4ai*/SHOW DEPLOYMENT `mark_animal`;")
    address = row["request_path"]
    assert address == f"{label_studio.url}/deployments/mark_animal/"
    run(OPEN_ELSEWHERE)
    page = context.new_page()
    answer = page.goto(address)
    assert answer
    assert answer.status == 403
    expect(page.locator("body")).to_contain_text("127.0.0.1")
    expect(page.locator("body")).to_contain_text("UPDATE WHITEIPS `model_mark_animal`")
    expect(page.locator("body")).to_contain_text("白名单")

    run(OPEN_HERE)
    page.goto(address)
    expect(page.locator("input[name=email]")).to_have_value(row["username"])
    log_in(page, "", row["password"])
    page.get_by_text("photo-2.jpg").click()
    draw_box(page)
    [region] = wait_for_row(photos, 2)["annotation_data"]
    assert region["value"]["rectanglelabels"] == ["cat"]
    [row] = run("/*polar4ai*/SHOW DEPLOYMENTS;")
    assert row["status"] == "Degraded: 1 row could not be read; /polardb/deployments/mark_animal/ lists them"
    counts = ("rows", "tasks", "failed_rows", "annotated", "pending_writebacks")
    assert [row[name] for name in counts] == [4, 3, 1, 1, 0]

    run(OPEN_ELSEWHERE)
    answer = page.goto(address)
    assert answer
    assert answer.status == 403
    assert page.request.get(f"{label_studio.url}/api/projects").status == 403
    run("/*polar4ai*/DROP DEPLOYMENT `mark_animal`;")
    answer = page.goto(address)
    assert answer
    assert answer.status == 404
    assert page.request.get(f"{label_studio.url}/api/projects").status == 401
    assert photos.row(2)["annotation_data"] == [region]


def test_the_operators_page(label_studio: LabelStudio, photos: Source, context: BrowserContext, tmp_path: Path) -> None:
    page = context.new_page()
    page.goto(f"{label_studio.url}/polardb/")
    log_in(page, *ADMINISTRATOR)
    expect(page.get_by_text("Nothing is deployed yet.")).to_be_visible()

    page.get_by_label("Deployment name").fill("mark_animal")
    page.get_by_role("button", name="Deploy", exact=True).click()
    deployment = page.locator("article")
    # The page follows the sync by itself.
    expect(deployment).to_contain_text("Degraded")
    expect(deployment).to_contain_text("Rows that could not be read: 1")
    expect(deployment).to_contain_text("0/3")
    expect(deployment).to_contain_text("Nobody is allowed in yet.")

    deployment.get_by_label("Allowed addresses").fill("10.0.0.1/8")
    deployment.get_by_role("button", name="Save addresses").click()
    expect(page.get_by_role("alert")).to_contain_text("10.0.0.0/8")
    expect(deployment.get_by_label("Allowed addresses")).to_have_value("10.0.0.1/8")
    deployment.get_by_label("Allowed addresses").fill("10.0.0.0/8\n0.0.0.0/0")
    deployment.get_by_role("button", name="Save addresses").click()
    expect(deployment).to_contain_text("Open to every address")

    page.get_by_role("link", name="简体中文").click()
    expect(deployment).to_contain_text("部分异常")
    page.get_by_role("link", name="语句记录").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody tr").nth(1)).to_contain_text("已拒绝")
    page.get_by_role("link", name="English").click()
    expect(page.locator("tbody tr").nth(2)).to_contain_text("DEPLOY MODEL")

    page.get_by_role("link", name="Deployments").click()
    deployment.get_by_text("Manage").click()
    deployment.get_by_role("link", name="Drop deployment").click()
    page.get_by_label("Type the deployment's name").fill("other")
    page.get_by_role("button", name="Drop deployment").click()
    expect(page.get_by_role("alert")).to_contain_text("not the name")
    page.get_by_label("Type the deployment's name").fill("mark_animal")
    page.get_by_role("button", name="Drop deployment").click()
    expect(page.get_by_text("Nothing is deployed yet.")).to_be_visible()


def test_why_a_project_is_not_shown_is_all_that_is_said(
    run: Callable[[str], list[dict[str, Any]]],
    label_studio: LabelStudio,
    photos: Source,
    context: BrowserContext,
    complaints: list[str],
    tmp_path: Path,
) -> None:
    done = run_command(label_studio.environment, "provision_project", "--template", "1", "--source", photos.table)
    assert done.returncode == 0, done.stderr
    photos.execute(f"CREATE TABLE cars LIKE {photos.table}")
    run(DEPLOY.replace(photos.table, "cars"))
    page = context.new_page()
    page.goto(f"{label_studio.url}/user/login")
    log_in(page, *ADMINISTRATOR)
    expect(page.locator(".main-menu-trigger")).to_be_visible()
    page.goto(f"{label_studio.url}/deployments/mark_animal/")
    page.get_by_role("button", name="Work in this deployment").click()
    expect(page.locator(".polardb-inside")).to_be_visible()

    shots = Path(os.environ.get("SCREENSHOTS", tmp_path))
    said = page.get_by_text("No Project matches the given query.")
    for theme, width in (("Light", 1280), ("Dark", 400)):
        page.evaluate("theme => localStorage.setItem('preferred-color-scheme', theme)", theme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{label_studio.url}/projects/1/data")
        ours = page.get_by_role("alert").filter(has_text="You are in mark_animal, which does not have this project.")
        expect(ours).to_be_visible()
        # Label Studio has said it, and nobody sees or hears it.
        expect(said.first).to_be_attached()
        page.screenshot(path=shots / f"project-elsewhere-{theme}-{width}.png")
        expect(said.locator("visible=true")).to_have_count(0)
        assert "No Project matches" not in page.locator("body").aria_snapshot()
        found = Axe().run(page, context={"include": [[".polardb-elsewhere-page"]]}).response["violations"]
        assert [finding["id"] for finding in found if finding["impact"] in ("serious", "critical")] == []
        box = ours.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    # The frontend changes pages by itself: what is said of this one does not stay.
    page.evaluate("history.pushState({}, '', '/projects/'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(ours).to_have_count(0)
    page.goto(f"{label_studio.url}/projects/1/data")
    page.get_by_role("button", name="Leave mark_animal and open the project").click()
    expect(ours).to_have_count(0)
    expect(page.locator(".polardb-inside")).to_have_count(0)
    # Label Studio's own script fails on the page of a project that is not there.
    complaints[:] = [text for text in complaints if "/react-app/" not in text]


def test_label_studio_s_menus_lead_to_our_pages(
    run: Callable[[str], list[dict[str, Any]]], label_studio: LabelStudio, context: BrowserContext, tmp_path: Path
) -> None:
    run(DEPLOY)
    run(OPEN_HERE)
    [row] = run("/*polar4ai*/SHOW DEPLOYMENT `mark_animal`;")
    page = context.new_page()
    menu, mine = page.locator(".main-menu-trigger"), page.locator("[class*='menu-header__user']").first

    page.goto(f"{label_studio.url}/user/login")
    log_in(page, *ADMINISTRATOR)
    menu.click()
    page.get_by_role("link", name="Deployments", exact=True).click()
    expect(page.locator("article")).to_contain_text("mark_animal")
    page.goto(row["request_path"])
    page.get_by_role("button", name="Work in this deployment").click()
    inside = page.locator(".polardb-inside")
    expect(inside).to_have_text(re.compile(r"You are in mark_animal · Leave"))
    page.set_viewport_size({"width": 400, "height": 800})
    page.screenshot(path=os.environ.get("SCREENSHOTS", str(tmp_path)) + "/inside-400.png")
    menu.click(trial=True)  # nothing stands before it
    expect(inside.get_by_role("button", name="Leave")).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 1000})
    inside.get_by_role("button", name="Leave").click()
    page.wait_for_url(f"{label_studio.url}/projects/")
    expect(inside).to_have_count(0)
    mine.click()
    expect(page.get_by_text("Log Out")).to_be_visible()
    expect(page.get_by_text("Change Password")).to_have_count(0)

    context.clear_cookies()
    page.goto(row["request_path"])
    log_in(page, "", row["password"])
    mine.click()
    expect(inside).to_have_count(0)
    page.get_by_text("Change Password").click()
    expect(page.locator("input[name=old_password]")).to_be_visible()
    page.goto(f"{label_studio.url}/projects/")
    menu.click()
    expect(page.get_by_role("link", name="Organization")).to_be_visible()
    expect(page.get_by_role("link", name="Deployments", exact=True)).to_have_count(0)
