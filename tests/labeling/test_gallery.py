"""Label Studio's own templates as `label_config`: each shows its sample in the editor, and is submitted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import label_studio as installed
import pytest
import yaml
from playwright.sync_api import BrowserContext, expect

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling import labeling_config
from polardb_bridge.table.connection import begin
from support.labeling_world import World, open_first_task, provision, run_code, served
from support.storage_page import LabelStudio

pytestmark = pytest.mark.browser

FOLDER = Path(next(iter(installed.__path__))) / "annotation_templates"
_SAMPLES = """
import json
from polardb_bridge.label_studio.preview import sample_task
configs = json.loads({configs!r})
print("made", json.dumps({{name: sample_task(config, "A text of a row.").data for name, config in configs.items()}}))
"""


def _gallery() -> dict[str, str]:
    """By a table's name, the configs that a template may hold."""
    found = {}
    for path in sorted(FOLDER.rglob("config.yml")):
        config = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
        try:
            labeling_config({"label_config": config})
        except InvalidInputError:
            continue
        found[re.sub(r"\W", "_", path.parent.name)] = config
    return found


GALLERY = _gallery()


def _column(value: Any, server: str) -> tuple[str, str, str]:
    """Of a sample: the type of a column that holds it, how it is read, and what stands there."""
    if isinstance(value, str) and value.startswith("/"):
        return "TEXT", "url", server + value
    if isinstance(value, str):
        return "LONGTEXT", "url" if value.startswith("http") else "text", value
    return "JSON", "json", json.dumps(value)


@pytest.fixture(scope="module")
def world(serve: Callable[..., LabelStudio], server_url: str) -> Iterator[World]:
    with served(serve, server_url) as (label_studio, source):
        maps = {}
        for name, sample in run_code(label_studio, _SAMPLES.format(configs=json.dumps(GALLERY))).items():
            columns = {field: _column(value, label_studio.url) for field, value in sample.items() if field != "id"}
            typed = "".join(f", `c_{field}` {column[0]}" for field, column in columns.items())
            with begin(source.parameters) as connection:
                connection.exec_driver_sql(
                    f"CREATE TABLE `{name}` (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(80){typed}, "
                    "annotation_data JSON, annotation_count INT NOT NULL DEFAULT 0) CHARACTER SET utf8mb4"
                )
                names = ", ".join(f"`c_{field}`" for field in columns)
                places = ", ".join(["%s"] * len(columns))
                values = tuple(column[2] for column in columns.values())
                connection.exec_driver_sql(f"INSERT INTO `{name}` (title, {names}) VALUES ('sample', {places})", values)
            maps[name] = ", ".join(f"{field}=c_{field}:{column[1]}" for field, column in columns.items())
        templates = {name: {"label_config": config} for name, config in GALLERY.items()}
        yield provision(label_studio, source, templates, maps)


def test_most_of_the_gallery_can_be_a_template() -> None:
    assert len(GALLERY) >= 40


@pytest.mark.parametrize("name", GALLERY)
def test_a_template_of_the_gallery_is_shown_and_submitted(name: str, world: World, context: BrowserContext) -> None:
    screen = open_first_task(world, name, context)
    expect(screen.page.locator("[class*=error-message], .lsf-errors")).to_have_count(0)
    choice = screen.page.get_by_role("checkbox").or_(screen.page.get_by_role("radio")).locator("visible=true")
    if "<Choices" in GALLERY[name] and choice.count():
        choice.first.click()
    result = screen.submit()
    assert world.wait_for_result(name) == result
