"""Types of labeling, one of each family by mouse: what is submitted stands in the row. `make test-labeling` has all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from support.labeling_types import documented
from support.labeling_world import World, label_by_mouse, name_of, populate, served
from support.storage_page import LabelStudio

pytestmark = pytest.mark.browser

# Boxes, choices and a text; a polygon; points; words and a relation.
TITLES = ["Several in one interface", "InstanceSegmentation", "KeyPoint", "RelationExtraction"]


@pytest.fixture(scope="module")
def world(serve: Callable[..., LabelStudio], server_url: str) -> Iterator[World]:
    with served(serve, server_url) as (label_studio, source):
        yield populate(label_studio, source, {name_of(title): documented()[title] for title in TITLES})


@pytest.mark.parametrize("title", TITLES)
def test_what_is_labeled_by_mouse_is_in_the_row(title: str, world: World, context: BrowserContext) -> None:
    label_by_mouse(world, title, context)
