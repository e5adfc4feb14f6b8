"""Keys as text: one text for each value, and none for two."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from polardb_bridge.deployments.figures import failed_rows
from polardb_bridge.errors import InvalidInputError, RowError
from polardb_bridge.storage.links import ImageLink, is_ours
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.table.fields import Field
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import (
    BOUND,
    MAX_KEY_LENGTH,
    READ,
    Key,
    KeyKind,
    key_from_json,
    key_to_json,
    kind_of,
    parse_columns,
    parse_shown,
    problem_of,
    shown_key,
    typed_columns,
)
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.row_keys import KeyRange, RowKey, behind
from polardb_bridge.table.schema import source_table

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
# What the driver gives for the columns of each kind.
VALUES: dict[KeyKind, st.SearchStrategy[Any]] = {
    KeyKind.INTEGER: st.integers(-(2**63), 2**64 - 1),
    KeyKind.TEXT: texts.map(str.encode),
    KeyKind.BYTES: st.binary(max_size=40),
    KeyKind.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False, places=4),
    KeyKind.WRITTEN: st.timedeltas(timedelta(0), timedelta(days=9)).map(str),
}
ANY_VALUES = st.lists(st.sampled_from(KeyKind).flatmap(lambda kind: st.tuples(st.just(kind), VALUES[kind])), min_size=1)


def table_of(kinds: tuple[KeyKind, ...]) -> sa.Table:
    columns = tuple(f"k{number}" for number in range(len(kinds)))
    key = columns if len(columns) > 1 else columns[0]
    return source_table(
        "things", TableMapping(key, {"image": Field("photo")}, name=None, version=None, results={}, kinds=kinds)
    )


@settings(max_examples=100)
@given(ANY_VALUES)
def test_a_key_leads_back_to_the_values_of_its_columns(pairs: list[tuple[KeyKind, Any]]) -> None:
    key = key_of(table_of(tuple(kind for kind, _ in pairs)))
    made = key.read_sql([value for _, value in pairs])
    assert isinstance(made, int) == (len(pairs) == 1 and pairs[0][0] is KeyKind.INTEGER)
    asked = [value.decode() if kind is KeyKind.TEXT else value for kind, value in pairs]
    assert key.bound([made]) == asked
    assert key.read([READ[kind](value) for kind, value in pairs]) == made


@settings(max_examples=200)
@given(st.sampled_from(KeyKind), st.data())
def test_no_two_values_have_one_text(kind: KeyKind, data: st.DataObject) -> None:
    one, other = data.draw(VALUES[kind]), data.draw(VALUES[kind])
    assert (READ[kind](one) == READ[kind](other)) == (one == other)
    assert BOUND[kind](READ[kind](one)) == (one.decode() if kind is KeyKind.TEXT else one)


def test_several_columns_are_a_short_list() -> None:
    key = key_of(table_of((KeyKind.INTEGER, KeyKind.TEXT, KeyKind.DECIMAL)))
    assert key.read_sql([3, 'a,"é'.encode(), Decimal("1.50")]) == '[3,"a,\\"é","1.50"]'


def statement(query: sa.Select[Any]) -> str:
    return " ".join(str(query.compile(dialect=mysql.dialect(), compile_kwargs={"literal_binds": False})).split())


def test_pages_come_in_the_order_of_the_index() -> None:
    key = key_of(table_of((KeyKind.INTEGER, KeyKind.BYTES, KeyKind.INTEGER)))
    query = sa.select(*key.columns).where(key.after('[3,"0f",7]')).order_by(*key.columns)
    assert statement(query) == (
        "SELECT things.k0, things.k1, things.k2 FROM things WHERE things.k0 > %s OR things.k0 = %s AND"
        " (things.k1 > %s OR things.k1 = %s AND things.k2 > %s) ORDER BY things.k0, things.k1, things.k2"
    )


def test_only_what_is_read_is_converted() -> None:
    key = key_of(table_of((KeyKind.TEXT,)))
    query = sa.select(*key.columns).where(key.among(["a", "b"])).order_by(*key.columns)
    assert statement(query) == (
        "SELECT CAST(CONVERT(`k0` USING utf8mb4) AS BINARY) AS k0 FROM things"
        " WHERE things.k0 IN (__[POSTCOMPILE_id_1]) ORDER BY things.k0"
    )


def test_types_that_tell_rows_apart() -> None:
    kinds = {each: kind_of(each) for each in ("bigint", "varchar", "binary", "decimal", "uuid", "datetime")}
    assert [kind and kind.value for kind in kinds.values()] == ["integer", "text", "bytes", "decimal", *["written"] * 2]
    assert not any(map(kind_of, ("float", "double", "json", "longtext", "varchar(9)", "blob", "enum", "set", "bit")))


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (2**63 - 1, ""),
        (2**63, "the id is larger than"),
        ("", ""),
        ("a" * MAX_KEY_LENGTH, ""),
        ("😀" * (MAX_KEY_LENGTH + 1), "takes 513 characters"),
        ("a\x00", "NUL"),
        (b"\xff".decode(errors="surrogateescape"), "not valid text"),
    ],
)
def test_what_cannot_be_a_key(key: Key, problem: str) -> None:
    assert problem_of(key).startswith(problem) if not problem else problem in problem_of(key)
    assert bool(problem_of(key)) == bool(problem)


@settings(max_examples=200)
@given(texts | st.integers(-(2**63), 2**63) | st.lists(texts | st.integers(), min_size=2, max_size=3), texts)
def test_a_key_is_found_again_in_a_message(key: Any, reason: str) -> None:
    if isinstance(key, list):
        key = key_of(table_of((KeyKind.TEXT,) * len(key))).read(key)
    report = SyncReport()
    report.add_error(key, "a (b): c", RowError(reason))
    [line] = report.errors
    assert shown_key(key).isprintable()
    found, rest = parse_shown(line) or ("", "")
    assert found == str(key)
    assert failed_rows._LISTED.fullmatch(rest)


@settings(max_examples=200)
@given(texts | st.integers(-(10**18), 10**18), st.integers(0, 10**17), st.integers(0, 10**8))
def test_an_address_leads_back_to_its_key(key: Key, version: int, revision: int) -> None:
    link = ImageLink(7, key, version, revision)
    assert set(link.url) <= {*"/?=~-_.", *map(chr, range(48, 58)), *map(chr, range(65, 91)), *map(chr, range(97, 123))}
    assert is_ours(link.url)
    assert ImageLink.of_url(f"https://example.com/studio{link.url}") == link


def test_the_longest_key_has_an_address() -> None:
    link = ImageLink(7, "😀" * MAX_KEY_LENGTH, 10**17, 3)
    assert ImageLink.of_url(link.url) == link


@pytest.mark.parametrize("row", ["", "~!", "~YQ==", "~A", "~__8", "a", "~YQ/~YQ", "1~YQ", "~Y Q", "~" + "A" * 3000])
def test_other_addresses_lead_nowhere(row: str) -> None:
    assert ImageLink.parse(f"1/{row}/1.jpg") is None


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=1))
def test_columns_are_read_as_they_are_written(names: list[str]) -> None:
    assert parse_columns(typed_columns(names)) == tuple(names)
    assert key_from_json(key_to_json(names)) == tuple(names)


def test_columns_stand_beside_commas() -> None:
    assert parse_columns(" tenant id , `a``,b`,c:d ") == ("tenant id", "a`,b", "c:d")
    assert key_to_json(["sku"]) == "sku"
    assert key_to_json(["a,b"]) == ["a,b"]


@pytest.mark.parametrize("text", ["", " ", ",", "a,", ",a", "a,,b", "`a", "a`b", "``"])
def test_what_names_no_columns_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="does not name the columns"):
        parse_columns(text)


def test_a_page_begins_behind_the_last_key_that_can_be_asked_for() -> None:
    bad = "\udcff"
    page = [RowKey(key, "", 1) for key in ("a", bad, "b", bad, bad)]
    assert behind(KeyRange(), page) == KeyRange("b", skip=2)
    assert behind(KeyRange("b", skip=2), page[3:]) == KeyRange("b", skip=4)
    assert behind(KeyRange("b", skip=4), page[:1]) == KeyRange("a")
