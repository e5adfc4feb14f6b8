from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polardb_bridge.choices import FieldKind, VersionKind
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.statements.parser import parse
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.fields import Field
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.result_columns import RESULT_ROLES, parse_results
from polardb_bridge.table.schema import source_table

PRODUCTS = TableMapping(
    key="sku",
    data={"image": Field("my:photo", FieldKind.BYTES), "title": Field("sku", FieldKind.TEXT)},
    name=None,
    version="changed at",
    results={"annotation_data": "answer, 1", "annotation_uid": "a`b"},
    held=("touched",),
)


def test_the_documented_layout_is_the_default() -> None:
    assert TableMapping.from_json({}) == TableMapping()
    assert TableMapping().to_json() == {}
    table = source_table("animals")
    assert {column.name for column in table.columns} >= set(TableMapping().by_role.values())
    assert all(column.name == column.key for column in table.columns)


def test_a_mapping_is_read_as_it_was_written() -> None:
    assert TableMapping.from_json(PRODUCTS.to_json()) == PRODUCTS


@pytest.mark.parametrize(
    "mapping",
    [
        TableMapping(version=None),
        TableMapping(version=None, version_kind=VersionKind.NONE),
        TableMapping(version="rev", version_kind=VersionKind.VALUE),
        TableMapping(version="GREATEST(a, b)", version_kind=VersionKind.SQL, filter="a = 'b'"),
        TableMapping(query="SELECT 1 AS id", results={}, is_guarded=False),
    ],
)
def test_so_is_what_a_table_has_otherwise(mapping: TableMapping) -> None:
    assert TableMapping.from_json(mapping.to_json()) == mapping
    assert mapping.is_documented is False


def test_a_stored_mapping_without_a_version_goes_by_a_digest() -> None:
    """As it did before there was a choice."""
    stored: dict[str, Any] = {
        "key": "id",
        "data": {"text": "body:text"},
        "name": None,
        "version": None,
        "result": {},
        "held": [],
    }
    assert TableMapping.from_json(stored).version_kind is VersionKind.DIGEST


def test_only_times_are_known_as_such() -> None:
    table = source_table("things", TableMapping(version="rev", version_kind=VersionKind.VALUE))
    assert "updated_at" not in table.c
    assert table.c.version.name == "rev"
    assert TableMapping(version="rev", version_kind=VersionKind.VALUE).kept == ()


def test_columns_are_known_by_what_they_are_for() -> None:
    table = source_table("things", PRODUCTS)
    assert {column.key: column.name for column in table.columns} == {
        "id": "sku",
        "base64_data": "my:photo",
        "updated_at": "changed at",
        "annotation_data": "answer, 1",
        "annotation_uid": "a`b",
    }


def test_result_columns_stand_beside_their_roles() -> None:
    assert parse_results("annotation_data=answer") == {"annotation_data": "answer"}
    text = "annotation_data = `a, b`,annotation_uid=my uid ,  annotation_count=`x``=`"
    assert parse_results(text) == {"annotation_data": "a, b", "annotation_uid": "my uid", "annotation_count": "x`="}
    assert parse_results("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "answer",
        "annotation_data=",
        "annotation_data=a b=c",
        "annotation_data=a,annotation_data=b",
        "annotation_data=a;b=`",
    ],
)
def test_what_names_no_result_columns_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="where results go"):
        parse_results(text)


def test_other_roles_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="'labels' is nothing that results have"):
        parse_results("labels=answer")


@pytest.mark.parametrize(
    "value",
    [
        [],
        "photo",
        None,
        {"keys": "id"},
        {"keys": ["id"]},
        {"data": "photo"},
        {"data": {"image": 3}},
        {"result": ["answer"]},
        {"result": {"annotation_data": {}}},
        {"held": "touched"},
        {"held": [1]},
    ],
)
def test_other_json_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="A mapping is a JSON object"):
        AskedMapping.from_json(value)


def test_a_stored_mapping_is_whole() -> None:
    with pytest.raises(InvalidInputError, match="needs its 'key'"):
        TableMapping.from_json({"key": "id"})


@pytest.mark.parametrize("name", ["", " id", "id\n", "a" * 65, "a\x00"])
def test_names_that_nobody_can_see_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be a column's name"):
        TableMapping(key="id", data={"image": Field(name)}, name=None, version=None, results={})


def test_a_column_has_one_use() -> None:
    with pytest.raises(InvalidInputError, match="'ID' has two uses"):
        TableMapping(key="id", data={"image": Field("photo")}, name="ID", version=None, results={})


def test_what_is_only_read_may_be_read_twice() -> None:
    data = {"text": Field("body", FieldKind.TEXT), "title": Field("Title", FieldKind.TEXT)}
    mapping = TableMapping(key="id", data=data, name="title", version=None, results={"annotation_data": "answer"})
    assert "base64_data" not in source_table("things", mapping).c
    with pytest.raises(InvalidInputError, match="'body' has two uses"):
        TableMapping(key="id", data=data, name="title", version=None, results={"annotation_data": "BODY"})


names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=64)


@given(
    st.lists(names, min_size=1, max_size=3),
    names,
    st.sampled_from(FieldKind),
    st.dictionaries(st.sampled_from(RESULT_ROLES), names),
)
def test_a_statement_and_its_mapping_survive_being_written(
    key: list[str], column: str, kind: FieldKind, results: dict[str, str]
) -> None:
    for name in ("image", "other"):
        mapping = AskedMapping(tuple(key), {name: Field(column, kind)}, name="", version=None, results=results or None)
        deploy = DeployModel("m", "d", "1", "things", mapping=mapping)
        assert parse(str(deploy)) == [deploy]


def test_a_statement_names_columns() -> None:
    [deploy] = parse(
        "DEPLOY MODEL d WITH (annotation_template_id=1, annotation_source='things', key_column='sku',"
        " image='photo:bytes', name_column='', version_column=`changed at`, result_columns='annotation_data=answer')"
    )
    assert isinstance(deploy, DeployModel)
    assert deploy.mapping == AskedMapping(
        ("sku",), {"image": Field("photo", FieldKind.BYTES)}, "", "changed at", {"annotation_data": "answer"}
    )


def test_a_statement_maps_several_fields() -> None:
    [deploy] = parse(
        "DEPLOY MODEL d WITH (annotation_template_id=1, annotation_source='things',"
        " map='image=photo:bytes, title=`my, title`:text')"
    )
    assert isinstance(deploy, DeployModel)
    data = {"image": Field("photo", FieldKind.BYTES), "title": Field("my, title", FieldKind.TEXT)}
    assert deploy.mapping == AskedMapping(data=data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("map='a=b:text', image='photo'", "expected image or map, and not both"),
        ("map='a'", "for map, expected fields and columns, .*'a' does not say what tasks hold"),
        ("map='id=b:text'", "for map, .*'id' is what every task holds"),
        ("map=''", "for map, expected a string that is not empty"),
    ],
)
def test_a_statement_with_other_fields_is_refused(options: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        parse(f"DEPLOY MODEL d WITH (annotation_template_id=1, annotation_source='things', {options})")
