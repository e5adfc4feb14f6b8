"""Chromium is the judge of which image files are whole: what it shows becomes a task, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.decode import DecodedImage, shown_image
from support.chromium_images import show
from support.images import BMP, DAMAGED, ODD, PROGRESSIVE, RESTARTS, WHOLE


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def ours(data: bytes) -> DecodedImage | None:
    try:
        return shown_image(data)
    except RowError:
        return None


def test_whole_images_are_shown(page: Page) -> None:
    for name, data in (WHOLE | ODD).items():
        image = ours(data)
        assert image, name
        assert show(page, image.data, image.media_type), name


def test_odd_images_show_the_same_pixels_as_their_originals(page: Page) -> None:
    """But for those without an end, whose last lines Chromium leaves out although their data are there."""
    for name, data in ODD.items():
        if "JPEG without" not in name and "BMP without" not in name:
            kind = name.split()[0]
            media_type = f"image/{kind.lower()}"
            assert show(page, data, media_type) == show(page, WHOLE[kind], media_type), name


def test_what_is_cut_off_shows_other_pixels_or_none(page: Page) -> None:
    """So that a check which only looks at headers would be seen to be wrong."""
    for name, data in WHOLE.items():
        image = ours(data)
        assert image
        whole = show(page, image.data, image.media_type)
        for part in (0.3, 0.6, 0.95):
            cut = data[: int(len(data) * part)]
            assert show(page, cut, image.media_type) != whole, (name, part)
            assert ours(cut) is None, (name, part)


def test_damaged_images_are_not_shown_or_lack_pixels(page: Page) -> None:
    broken = {name for name, data in DAMAGED.items() if show(page, data, "image/png") is None}
    assert all(ours(data) is None for data in DAMAGED.values())
    parts = {
        "JPEG without its middle, with restart markers": RESTARTS,
        "JPEG without its middle, progressive": PROGRESSIVE,
        "BMP without its last pixel": BMP,
    }
    for name, whole in parts.items():
        assert show(page, DAMAGED[name], "image/png") not in (None, show(page, whole, "image/png")), name
    assert broken >= {name for name in DAMAGED if "cut" not in name and "checksum" not in name and name not in parts}
