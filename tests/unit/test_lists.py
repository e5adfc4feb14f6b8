"""Lists in one column: addresses, and texts of pictures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import InvalidInputError, RowError
from polardb_bridge.table.field_values import values_of
from polardb_bridge.table.fields import Field, parse_fields
from polardb_bridge.table.lists import MAX_ITEMS, items_of
from polardb_bridge.table.mapping import TableMapping

MEDIA = "https://shop.example.com/media"


@pytest.mark.parametrize(
    ("stored", "items"),
    [
        ('["a", "b,c"]', ["a", "b,c"]),
        (' [ "a" ] ', ["a"]),
        ('"a"', ["a"]),
        ("a,b, c ,", ["a", "b", "c"]),
        ("a,,b", ["a", "b"]),
        ("data:image/png;base64,AA,data:image/png;base64,BB", ["data:image/png;base64,AA", "data:image/png;base64,BB"]),
        ("键.png", ["键.png"]),
        ("", []),
        (" , ", []),
        ("[]", []),
        ("null", []),
        ('""', []),
    ],
)
def test_a_list_is_json_or_has_commas(stored: str, items: list[str]) -> None:
    assert items_of("pages", stored.encode()) == items


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        ("{}", "pages is no list, but an object"),
        ('["a", null]', "pages, item 2, is null: each has to be a text"),
        ("[1]", "pages, item 1, is a number"),
        ("[true]", "pages, item 1, is true or false"),
        ('[["a"]]', "pages, item 1, is a list"),
        ('["a", {}]', "pages, item 2, is an object"),
        ('["a", " "]', "pages, item 2, is empty"),
        ('["a"', "pages is not JSON"),
        ("[" * 100_000, "pages is nested more than"),
        ('["\\u0000"]', "pages has a NUL character"),
        ('["\\ud800"]', "pages has half of a surrogate pair"),
        (json.dumps(["a"] * 100_000), "pages has 100,000 items, and a list can have 1,000"),
        ("a," * 100_000, "pages has 100,000 items"),
        ("x" * (16 * 1024 * 1024 + 1), "pages takes 16,777,217 bytes, and a list can have 16,777,216"),
        (b"a,\xff", "pages is not valid text: byte 3"),
    ],
    ids=range(15),
)
def test_what_is_no_list_of_texts_is_refused(stored: str | bytes, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        items_of("pages", stored.encode() if isinstance(stored, str) else stored)


def test_as_many_as_can_be() -> None:
    assert len(items_of("pages", json.dumps(["a"] * MAX_ITEMS).encode())) == MAX_ITEMS


def of(stored: str | None, kinds: str = "urls") -> Any:
    fields = parse_fields(f"pages=photos:{kinds}")
    mapping = TableMapping(key="sku", data=fields, name=None, version=None, results={})
    found = values_of(mapping, [None if stored is None else stored.encode()]).get("pages")
    return found and found.value


def test_addresses_of_a_list_are_as_those_of_one() -> None:
    stored = json.dumps(["https://a.example/1,2.jpg", "//b.example/x", "s3://bucket/y"])
    assert of(stored) == ["https://a.example/1,2.jpg", "https://b.example/x", "s3://bucket/y"]
    assert of("a/1.jpg, /2.jpg,", f"urls({MEDIA})") == [f"{MEDIA}/a/1.jpg", f"{MEDIA}/2.jpg"]
    for nothing in (None, "", "[]", "null"):
        assert of(nothing) is None


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("javascript:alert(1)", "photos, item 2, is not an address of http, https, s3 or gs"),
        ("file:///etc/passwd", "photos, item 2, is not an address of http"),
        ("data:image/png;base64,AA", "photos, item 2, is not an address of http"),
        ("/data/polardb/?d=1/2/3.jpg", "photos, item 2, is no whole address"),
        ("https://a.example/\nx", "photos, item 2, has a control character"),
        ("https:///x", "photos, item 2, is an address without a host"),
    ],
)
def test_one_bad_address_is_named_by_its_number(bad: str, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        of(json.dumps(["https://a.example/x", bad]))


def test_a_list_stands_in_for_lists_only() -> None:
    assert parse_fields("pages=scans:base64s,photos:urls")["pages"].others == (Field("photos", FieldKind.URLS),)
    for fields in ("a=b:urls,c:url", "a=b:base64s,c:text", "a=b:bytes,c:text", "a=b:url,c:text"):
        with pytest.raises(InvalidInputError, match="a field is a picture"):
            parse_fields(fields)
