"""The fields of tasks as people write them, and the values that they get."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polardb_bridge.choices import FieldKind, Packing
from polardb_bridge.errors import InvalidInputError, RowError
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.field_values import MAX_FIELDS_BYTES, check_size, empty_values, unpacked_texts, values_of
from polardb_bridge.table.fields import Field, parse_field, parse_fields, written
from polardb_bridge.table.mapping import TableMapping

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


def test_a_row_has_several_pictures_of_which_one_counts_as_the_first() -> None:
    data = parse_fields("b=x:bytes, image=y:base64, a=z:base64, text=t:text")
    mapping = TableMapping(key="id", data=data, name=None, version=None, results={})
    columns = {name: [source.column for source in sources] for name, sources in mapping.pictures.items()}
    assert list(columns.items()) == [("image", ["y"]), ("a", ["z"]), ("b", ["x"])]
    assert mapping.by_role == {"id": "id", "base64_data": "y"}
    assert list(mapping.fields) == ["text"]
    assert TableMapping.from_json(mapping.to_json()) == mapping
    both = TableMapping(key="id", data=parse_fields("a=x:bytes, b=x:bytes|gzip"), name=None, version=None, results={})
    assert [source.column for source in both.picture_columns] == ["x", "x"]


def test_a_task_has_a_hundred_fields_at_most() -> None:
    fields = [f"f{number}=body:text" for number in range(101)]
    assert len(parse_fields(", ".join(fields[:-1]))) == 100
    with pytest.raises(InvalidInputError, match="A task can hold 100 fields, and not 101"):
        parse_fields(", ".join(fields))


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("photo:bytes@78", [Field("photo", FieldKind.BYTES, skipped=78)]),
        ("photo:bytes@0", [Field("photo", FieldKind.BYTES)]),
        ("photo:bytes|gzip", [Field("photo", FieldKind.BYTES, packing=Packing.GZIP)]),
        ("a@1|x:text@4|mysql", [Field("a@1|x", FieldKind.TEXT, skipped=4, packing=Packing.MYSQL)]),
        ("photo,url:url", [Field("photo"), Field("url", FieldKind.URL)]),
        (
            f"`a,b`:bytes , url:url({MEDIA}/a,b=c)",
            [Field("a,b", FieldKind.BYTES), Field("url", FieldKind.URL, f"{MEDIA}/a,b=c")],
        ),
    ],
)
def test_a_field_comes_from_several_columns(text: str, sources: list[Field]) -> None:
    field = Field.parse(text)
    assert field == Field.of_sources(sources)
    assert list(field.sources) == sources
    assert Field.parse(str(field)) == field
    fields = parse_fields(f"image={text}, title=t:text,more=u:text, v:number")
    assert fields == {
        "image": field,
        "title": Field("t", FieldKind.TEXT),
        "more": Field.of_sources([Field("u", FieldKind.TEXT), Field("v", FieldKind.NUMBER)]),
    }
    assert parse_fields(written(fields)) == fields


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("photo:bytes|zip", "'zip' is no packing"),
        ("photo:bytes|GZIP", "'GZIP' is no packing"),
        ("photo:bytes@1048577", "up to 1,048,576 can be skipped"),
        ("n:number@4", "numbers and times are none"),
        ("n:datetime|gzip", "numbers and times are none"),
        ("photo:bytes@", "does not say what is read"),
        ("photo:bytes@-1", "does not say what is read"),
        ("photo:bytes|gzip@78", "does not say what is read"),
        ("photo:bytes|", "does not say what is read"),
        ("a=b:bytes", "does not say what is read"),
        ("a,,b", "does not say what is read"),
        ("a:bytes,b:gif", "does not say what is read"),
    ],
)
def test_other_ways_are_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(problem)):
        Field.parse(text)


def test_a_field_comes_from_ten_columns_at_most() -> None:
    columns = ",".join(f"c{number}:url" for number in range(11))
    with pytest.raises(InvalidInputError, match="can come from 10 columns, and not from 11"):
        parse_fields(f"image={columns}")


def test_the_first_that_is_there_counts() -> None:
    data = parse_fields("x=a:text,b:json,c:number, y=d:url,e:url")
    mapping = TableMapping(key="sku", data=data, name=None, version=None, results={})

    def held(*texts: bytes | None) -> dict[str, Any]:
        return {name: (found.place, found.value) for name, found in values_of(mapping, texts).items()}

    assert held(b"text", b"{", b"7", None, b"https://a.example/x") == {
        "x": (0, "text"), "y": (1, "https://a.example/x")
    }  # fmt: skip
    assert held(b"", b"null", b"0", b"", None) == {"x": (2, 0)}
    assert held(b"", None, None, None, None) == {"x": (0, "")}
    assert held(None, b"[1]", None, None, b" ") == {"x": (1, [1])}
    with pytest.raises(RowError, match="d is not an address"):
        held(None, None, None, b"javascript:x", b"https://a.example/x")


def test_fields_are_unpacked_within_one_bound() -> None:
    data = parse_fields("x=a:text|gzip, y=b:text|gzip, z=c:text")
    mapping = TableMapping(key="sku", data=data, name=None, version=None, results={})
    half = gzip.compress(bytes(MAX_FIELDS_BYTES // 2), 1)
    assert [len(text or b"") for text in unpacked_texts(mapping, [half, half, b""])] == [MAX_FIELDS_BYTES // 2] * 2 + [
        0
    ]
    with pytest.raises(RowError, match="a, b, c: more than 16,777,216 bytes once they are unpacked"):
        unpacked_texts(mapping, [half, gzip.compress(bytes(MAX_FIELDS_BYTES), 1), None])
    with pytest.raises(RowError, match="a, b, c: 16,777,217 bytes, and 16,777,216 fit"):
        unpacked_texts(mapping, [half, half, b"x"])


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
