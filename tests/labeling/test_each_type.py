"""Each example of the documentation by mouse and keys, and what stands in its row then."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from support.labeling_actions import ACTIONS
from support.labeling_types import documented
from support.labeling_world import World, label_by_mouse, name_of, populate, served
from support.storage_page import LabelStudio
from support.templates import EDITOR_REGIONS

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def world(serve: Callable[..., LabelStudio], server_url: str) -> Iterator[World]:
    examples = documented()
    with served(serve, server_url) as (label_studio, source):
        yield populate(label_studio, source, {name_of(title): examples[title] for title in ACTIONS})


@pytest.mark.parametrize("title", ACTIONS)
def test_what_is_labeled_by_mouse_is_in_the_row(title: str, world: World, context: BrowserContext) -> None:
    result = label_by_mouse(world, title, context)
    # What tests without a browser submit is of the same form.
    known = EDITOR_REGIONS[title]
    assert [(set(region), set(region.get("value", {}))) for region in result] == [
        (set(region), set(region.get("value", {}))) for region in known
    ]
