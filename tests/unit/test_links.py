from __future__ import annotations

import re

import pytest
from pytest_django import Settings

from polardb_bridge.storage.links import ImageLink, is_ours, resolved


def test_an_address_reads_back_as_it_was() -> None:
    link = ImageLink(3, -17, 1_700_000_000)
    assert link.url == "/data/polardb/?d=3/-17/1700000000.jpg"
    assert ImageLink.of_url(link.url) == link


def test_an_address_names_a_page_of_a_list() -> None:
    link = ImageLink(3, "a/b", 17, 2, page=11)
    assert link.url == "/data/polardb/?d=3/~YS9i/17-2.11.jpg"
    assert ImageLink.of_url(link.url) == link
    link = ImageLink(3, 7, 17, page=0, field="pages")
    assert link.url == "/data/polardb/?d=3/7/17.0/pages.jpg"
    assert ImageLink.of_url(link.url) == link


@pytest.mark.parametrize("key", [7, "a/b?c=1&d=../..", "键\x00\n'\"", '["x", 1]', "~", ""])
def test_an_address_names_the_field_whatever_the_key_is(key: int | str) -> None:
    link = ImageLink(3, key, 1_700_000_000, 2, field="clip_2", extension="mp4")
    assert link.url.endswith("/1700000000-2/clip_2.mp4")
    assert re.fullmatch(r"/data/polardb/\?d=[A-Za-z0-9~/_.-]+", link.url)
    assert ImageLink.of_url(link.url) == link
    assert ImageLink.of_url(link.url) != ImageLink(3, key, 1_700_000_000, 2, field="clip_1")


@pytest.mark.parametrize("served_at", [None, "/labels/", "/a/b"])
@pytest.mark.parametrize(
    "made_at", ["", "/labels", "/very/deep", "https://label.example.com", "http://10.0.0.1:8080/ls"]
)
def test_an_address_is_that_of_where_it_is_read(settings: Settings, served_at: str | None, made_at: str) -> None:
    settings.FORCE_SCRIPT_NAME = served_at
    url = made_at + ImageLink(1, 2, 3, 4).url
    assert resolved(url) == (served_at or "").rstrip("/") + "/data/polardb/?d=1/2/3-4.jpg"
    assert ImageLink.of_url(url) == ImageLink(1, 2, 3, 4)


@pytest.mark.parametrize(
    "text", ["", "data:image/png;base64,AAAA", "/data/upload/1/a.jpg", "x/data/polardb/?d=1/2/3.jpg"]
)
def test_other_texts_of_tasks_are_none_of_ours(text: str) -> None:
    assert not is_ours(text)
    assert ImageLink.of_url(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "1", "1/2", "1/2/3", "1/2/3.png", "1/2/3.jpg.jpg", "1/1 or 1=1/3.jpg", "1/../3.jpg", "../../etc/passwd",
     "a/2/3.jpg", "1/2/-3.jpg", "1/２/3.jpg", "1/" + "9" * 20 + "/3.jpg", "1/2/3.jpg\n",
     "1/2/3.-1.jpg", "1/2/3.1.1.jpg", "1/2/3.99999.jpg", "1/2/3..jpg", "1/2/3./a.jpg", "1/2/3/a.1.jpg",
     "1/2/3/.jpg", "1/2/3/a", "1/2/3/a.", "1/2/3/a.JPG", "1/2/3/../x.jpg", "1/2/3/a/b.jpg", "1/2/3/a.jpg?x",
     "1/2/3/a b.jpg", "1/2/3/" + "a" * 65 + ".jpg", "1/2/3/ａ.jpg", "1/2/3/a.jpegs2"],
)  # fmt: skip
def test_nothing_else_is_read(text: str) -> None:
    assert ImageLink.parse(text) is None
