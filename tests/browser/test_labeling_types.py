"""Types of labeling, one of each family by mouse: what is submitted stands in the row. `make test-labeling` has all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests
from playwright.sync_api import BrowserContext

from polardb_bridge.table.connection import begin, dispose
from support.labeling_actions import ACTIONS
from support.labeling_types import documented
from support.labeling_world import World, name_of, new_database, open_first_task, populate
from support.source_data import Source, url_of
from support.storage_page import LabelStudio

pytestmark = pytest.mark.browser

# Boxes, choices and a text; a polygon; points; words and a relation.
TITLES = ["Several in one interface", "InstanceSegmentation", "KeyPoint", "RelationExtraction"]


@pytest.fixture(scope="module")
def world(serve: Callable[..., LabelStudio], server_url: str) -> Iterator[World]:
    parameters = new_database(server_url)
    source = Source.create(parameters)
    label_studio = serve(has_administrator=True, POLARDB_URL=url_of(parameters))
    yield populate(label_studio, source, {name_of(title): documented()[title] for title in TITLES})
    dispose()
    with begin(parameters) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {parameters.database}")


@pytest.fixture(scope="module")
def session(world: World) -> requests.Session:
    return world.session()


@pytest.mark.parametrize("title", TITLES)
def test_what_is_labeled_by_mouse_is_in_the_row(
    title: str, world: World, session: requests.Session, context: BrowserContext
) -> None:
    act, kinds = ACTIONS[title]
    screen = open_first_task(world, name_of(title), context, session)
    act(screen)
    result = screen.submit()
    assert [region["type"] for region in result] == kinds
    assert world.wait_for_result(name_of(title)) == result
