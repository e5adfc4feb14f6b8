from __future__ import annotations

import pytest
from pytest_django import Settings

from polardb_bridge.storage.images.links import ImageLink


def test_an_address_reads_back_as_it_was(settings: Settings) -> None:
    settings.FORCE_SCRIPT_NAME = None
    link = ImageLink(3, -17, 1_700_000_000)
    assert link.url == "/data/polardb/?d=3/-17/1700000000.jpg"
    assert ImageLink.parse(link.url.partition("?d=")[2]) == link


def test_the_address_is_below_the_host_s_path(settings: Settings) -> None:
    settings.FORCE_SCRIPT_NAME = "/labels/"
    assert ImageLink(1, 2, 3).url == "/labels/data/polardb/?d=1/2/3.jpg"


@pytest.mark.parametrize(
    "text",
    ["", "1", "1/2", "1/2/3", "1/2/3.png", "1/2/3.jpg.jpg", "1/1 or 1=1/3.jpg", "1/../3.jpg", "../../etc/passwd",
     "a/2/3.jpg", "1/2/-3.jpg", "1/２/3.jpg", "1/" + "9" * 20 + "/3.jpg", "1/2/3.jpg\n"],
)  # fmt: skip
def test_nothing_else_is_read(text: str) -> None:
    assert ImageLink.parse(text) is None
