"""The page of a deployment and the box for statements in Chromium: charts, files, results, at all widths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from dev.label_studio import run_command
from support.source_data import Source, url_of
from support.storage_page import ADMINISTRATOR, LabelStudio, log_in

pytestmark = pytest.mark.browser

DEPLOY = (
    "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = '1', "
    "annotation_source = 'polardb4ai_annotation_source_animal', deployment_name = 'mark_animal')"
)
REGION = (
    '[{"id": "a", "type": "rectanglelabels", "from_name": "label", "to_name": "image", "value": '
    '{"x": 1, "y": 1, "width": 9, "height": 9, "rotation": 0, "rectanglelabels": ["cat"]}}]'
)


def test_charts_are_drawn_from_the_tables(
    serve: Callable[..., LabelStudio], photos: Source, context: BrowserContext, tmp_path: Path
) -> None:
    photos.execute(f"UPDATE {photos.table} SET annotation_data = '{REGION}', annotation_count = 1 WHERE id < 3")
    server = serve(has_administrator=True, POLARDB_URL=url_of(photos.parameters))
    run_command(server.environment, "polar4ai", DEPLOY).check_returncode()
    page = context.new_page()
    page.goto(f"{server.url}/polardb/deployments/mark_animal/")
    log_in(page, *ADMINISTRATOR)
    expect(page.get_by_role("heading", name="mark_animal")).to_be_visible()
    # The first sync may still run when the page is first seen.
    for _ in range(60):
        if page.get_by_text("broken.jpg").count() and page.locator("#labels canvas").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("#failed-rows")).to_contain_text("broken.jpg")
    page.wait_for_function(
        "typeof Chart === 'function' && [...document.querySelectorAll('canvas')].every((c) => Chart.getChart(c))"
    )
    drawn = page.evaluate(
        "[...document.querySelectorAll('canvas')].map((c) => [c.closest('section').id, Chart.getChart(c).data])"
        ".map(([id, data]) => [id, data.labels, data.datasets[0].data])"
    )
    assert ["labels", ["cat", "dog"], [2, 0]] in drawn
    assert ["annotators", ["mark_animal@deployments.local"], [2]] in drawn

    page.locator("#labels summary").click()
    expect(page.locator("#labels tbody tr").first).to_contain_text("cat")
    with page.expect_download() as download:
        page.locator("#labels .file").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "mark_animal-labels.csv"
    assert file.read_text("utf-8-sig").splitlines()[1:] == ["cat,2,2", "dog,0,0"]

    page.emulate_media(color_scheme="dark")
    for width, language in ((1280, "en"), (400, "zh-hans")):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{server.url}/polardb/deployments/mark_animal/?language={language}")
        page.locator("#labels summary").click()
        expect(page.locator("#labels tbody tr")).to_have_count(2)
        page.screenshot(path=tmp_path / f"{width}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{server.url}/polardb/statements?language=en")
    page.get_by_label("Run statements").fill("SHOW DEPLOYMENTS;\nSHOW NONSENSE;")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("line 2, column 6")
    expect(page.locator("mark")).to_have_text("N")
    page.get_by_label("Run statements").fill("SHOW DEPLOYMENTS;")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".result tbody tr")).to_contain_text("mark_animal")
    page.get_by_role("link", name="Use again").first.click()
    expect(page.get_by_label("Run statements")).to_have_value("SHOW DEPLOYMENTS")
    page.set_viewport_size({"width": 400, "height": 900})
    page.screenshot(path=tmp_path / "statements.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
