"""The fields of tasks as people write them, and the values that they get."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import InvalidInputError, RowError
from polardb_bridge.table.field_values import MAX_FIELDS_BYTES, check_size, empty_values, values_of
from polardb_bridge.table.fields import Field, parse_field, parse_fields, written
from polardb_bridge.table.mapping import AskedMapping, TableMapping

MEDIA = "https://shop.example.com/media"


@pytest.mark.parametrize(
    ("text", "column", "kind", "detail"),
    [
        ("photo", "photo", "base64", ""),
        (" photo:bytes ", "photo", "bytes", ""),
        ("`a:b`:bytes", "a:b", "bytes", ""),
        ("`a``b`", "a`b", "base64", ""),
        ("zip code", "zip code", "base64", ""),
        ("列:text", "列", "text", ""),
        (f"photo:url({MEDIA})", "photo", "url", MEDIA),
        ("photo:url(s3://bucket/a,b)", "photo", "url", "s3://bucket/a,b"),
        ("photo:url()", "photo", "url", ""),
        ("made:datetime(UTC)", "made", "datetime", "utc"),
        ("a(b):json", "a(b)", "json", ""),
    ],
)
def test_a_field_is_a_column_and_how_it_is_read(text: str, column: str, kind: str, detail: str) -> None:
    assert Field.parse(text) == Field(column, FieldKind(kind), detail)
    assert Field.parse(str(Field.parse(text))) == Field.parse(text)


@pytest.mark.parametrize(
    "text", ["", ":bytes", "photo:gif", "photo:", "a:b:bytes", "`a:b", "``", "`a`b", "a:url(x y)", "a:text)", "a:url("]
)
def test_what_names_no_column_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="does not say what is read, and how"):
        Field.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "photo:url(media)",
        "photo:url(/media)",
        "photo:url(//shop.example.com)",
        "photo:url(javascript:alert)",
        "photo:url(data:text/html,x)",
        "photo:url(https://)",
        "photo:url(https:///media)",
        "photo:url(https://a/b?c=)",
        "photo:url(https://a/b#c)",
        f"photo:url(https://a/{'b' * 500})",
        "photo:url(https://a/\u202eb)",
        "made:datetime(CET)",
        "made:text(utc)",
        f"photo:bytes({MEDIA})",
    ],
)
def test_other_words_in_brackets_are_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="is not possible"):
        Field.parse(text)


def test_several_fields_stand_in_a_list() -> None:
    text = f"image=photo, title = `my, title`:text,link=a b:url({MEDIA}/a,b) , n=`x``=`:number"
    fields = parse_fields(text)
    assert fields == {
        "image": Field("photo"),
        "title": Field("my, title", FieldKind.TEXT),
        "link": Field("a b", FieldKind.URL, f"{MEDIA}/a,b"),
        "n": Field("x`=", FieldKind.NUMBER),
    }
    assert parse_fields(written(fields)) == fields


@pytest.mark.parametrize("text", ["title", "=title:text", "a=b:text c=d:text", "a=b:text,a=c:text", "a=b:text;", "a="])
def test_what_is_no_list_of_fields_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="does not say what tasks hold"):
        parse_fields(text)


def test_only_a_picture_may_leave_out_its_kind() -> None:
    assert parse_field("image", "photo").kind is FieldKind.BASE64
    with pytest.raises(InvalidInputError, match="'title' does not say what is read, and how"):
        parse_fields("title=title")


@pytest.mark.parametrize("name", ["1a", "_a", "a-b", "a.b", "标题", "a" * 65, "__proto__", "$a", "a[0]"])
def test_names_that_the_editor_would_not_find_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be a field's name"):
        parse_fields(f"{name}=b:text")


@pytest.mark.parametrize("name", ["id", "original_name"])
def test_what_every_task_holds_has_its_name(name: str) -> None:
    with pytest.raises(InvalidInputError, match="choose another name"):
        AskedMapping.from_json({"data": {name: "b:text"}})


def test_a_row_has_one_picture() -> None:
    assert parse_fields("a=b:bytes, c=d:url")
    with pytest.raises(InvalidInputError, match="'a' and 'c' are pictures that are stored in the row"):
        parse_fields("a=b:bytes, c=d:base64")


def test_a_task_has_a_hundred_fields_at_most() -> None:
    fields = [f"f{number}=body:text" for number in range(101)]
    assert len(parse_fields(", ".join(fields[:-1]))) == 100
    with pytest.raises(InvalidInputError, match="A task can hold 100 fields, and not 101"):
        parse_fields(", ".join(fields))


def of(kind: str, stored: str | bytes | None, detail: str = "") -> Any:
    """What a task gets of a row that holds this in the one column that it shows; None if that is nothing."""
    mapping = TableMapping(
        key="sku", data={"x": Field("col", FieldKind(kind), detail)}, name=None, version=None, results={}
    )
    text = stored.encode() if isinstance(stored, str) else stored
    found = values_of(mapping, [text]).get("x")
    return found and found.value


@pytest.mark.parametrize(
    ("stored", "address"),
    [
        ("https://a.example/x.jpg", "https://a.example/x.jpg"),
        ("HTTP://a.example/x y.jpg?a=1#b", "HTTP://a.example/x y.jpg?a=1#b"),
        (" s3://bucket/键.png ", "s3://bucket/键.png"),
        ("gs://bucket/x", "gs://bucket/x"),
        ("//cdn.example/x.jpg", "https://cdn.example/x.jpg"),
        ("a/b.jpg", f"{MEDIA}/a/b.jpg"),
        ("/a/b.jpg", f"{MEDIA}/a/b.jpg"),
        ("\\\\evil.example\\x", f"{MEDIA}/\\\\evil.example\\x"),
        ("/data/polardb/?d=1/2/3.jpg", f"{MEDIA}/data/polardb/?d=1/2/3.jpg"),
        ("", None),
        ("   ", None),
        (None, None),
    ],
)
def test_addresses(stored: str | None, address: str | None) -> None:
    assert of("url", stored, f"{MEDIA}/") == address
    if address and not address.startswith(MEDIA):
        assert of("url", stored) == address


@pytest.mark.parametrize(
    "stored",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html;base64,PGI+",
        "data:image/png;base64,iVBORw0KGgo=",
        "file:///etc/passwd",
        "ftp://a.example/x",
        "blob:https://a.example/1",
        "C:\\photos\\x.jpg",
        "https:",
        "https:x.jpg",
        "https:///x.jpg",
        "http://?x",
        "https://a.example/x\ny",
        "https://a.example/\x00",
        "https://a.example/\x85",
        "//",
        b"https://a.example/\xff",
    ],
)
def test_what_is_no_address_is_refused(stored: str) -> None:
    for prefix in ("", MEDIA):
        with pytest.raises(RowError, match=r"^col "):
            of("url", stored, prefix)


@pytest.mark.parametrize("stored", ["a/b.jpg", "/data/polardb/?d=1/2/3.jpg", "/data/upload/1/x.png", "\\\\evil\\x"])
def test_a_relative_address_needs_its_beginning(stored: str) -> None:
    with pytest.raises(RowError, match="col is no whole address"):
        of("url", stored)


@pytest.mark.parametrize(
    ("stored", "number"),
    [
        ("0", 0),
        ("00042", 42),
        ("-7", -7),
        (str(2**53), 2**53),
        (str(2**53 + 1), str(2**53 + 1)),
        (str(-(2**63)), str(-(2**63))),
        ("12.50", 12.5),
        ("0.1", 0.1),
        ("1e20", 1e20),
        ("-1.7976931348623157e308", -1.7976931348623157e308),
        ("12345678901234567890.12", "12345678901234567890.12"),
        ("0.12345678901234567890123", "0.12345678901234567890123"),
    ],
)
def test_numbers_are_those_that_browsers_have(stored: str, number: int | float | str) -> None:
    value = of("number", stored)
    assert value == number
    assert type(value) is type(number)


@pytest.mark.parametrize(
    ("stored", "detail", "time"),
    [
        ("2024-05-01 12:30:00", "utc", "2024-05-01T12:30:00Z"),
        ("2024-05-01 12:30:00.120", "", "2024-05-01T12:30:00.120"),
        ("2024-05-01", "", "2024-05-01"),
        ("0000-00-00 00:00:00", "utc", None),
        ("0000-00-00", "", None),
    ],
)
def test_times_are_in_iso_8601(stored: str, detail: str, time: str | None) -> None:
    assert of("datetime", stored, detail) == time


def test_a_half_date_is_no_time() -> None:
    with pytest.raises(RowError, match="col is no time: 2024-00-00"):
        of("datetime", "2024-00-00 00:00:00")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(
    st.text(), x)))  # fmt: skip
def test_json_is_its_value(value: Any) -> None:
    stored = json.dumps(value)
    if "\\u0000" in stored or "\\ud" in stored:
        return
    assert of("json", stored) == value


@pytest.mark.parametrize(
    ("kind", "stored", "problem"),
    [
        ("text", "a\x00b", "col has a NUL character"),
        ("text", b"a\xff", "col is not valid text: byte 2 is not UTF-8"),
        ("text", b"\xed\xa0\x80", "col is not valid text: byte 1"),
        ("json", "{", "col is not JSON"),
        ("json", "", "col is not JSON"),
        ("json", '"\\u0000"', "col has a NUL character"),
        ("json", '"\\ud800"', "col has half of a surrogate pair"),
        ("json", "1e999", "col has a number that is not finite"),
        ("json", "[" * 101 + "]" * 101, "col is nested more than 100 levels deep"),
        ("json", "[" * 100_000, "col is nested more than"),
        ("json", "9" * 5000, "col is not JSON"),
        ("json", b"\xff", "col is not valid text"),
    ],
)
def test_what_label_studios_database_cannot_hold_is_refused(kind: str, stored: str, problem: str) -> None:
    with pytest.raises(RowError, match=problem):
        of(kind, stored)


def test_a_text_is_what_it_is() -> None:
    for text in ("", " a\r\n\t", "<b>&amp;$x", "\ufeff😀", "null"):
        assert of("text", text) == text


def test_too_much_for_a_task_is_refused() -> None:
    mapping = TableMapping(key="id", data={"x": Field("col", FieldKind.TEXT)}, name=None, version=None, results={})
    check_size(mapping, MAX_FIELDS_BYTES)
    with pytest.raises(RowError, match="col: 16,777,217 bytes, and 16,777,216 fit"):
        check_size(mapping, MAX_FIELDS_BYTES + 1)


def test_what_a_row_lacks_is_empty() -> None:
    data = {str(kind): Field("c", kind) for kind in FieldKind if not kind.is_picture}
    mapping = TableMapping(key="id", data=data, name=None, version=None, results={})
    assert empty_values(mapping) == {
        "text": "", "url": "", "number": None, "json": None, "datetime": "", "urls": []
    }  # fmt: skip
