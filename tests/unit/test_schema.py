from __future__ import annotations

import pytest

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.schema import check_table_name


@pytest.mark.parametrize("name", ["a", "polardb4ai_annotation_source_animal", "t-1", "t$", "动物", "x" * 64, "123"])
def test_usual_table_names_are_accepted(name: str) -> None:
    assert check_table_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "x" * 65, "a`b", "a b", "a.b", "a;b", "a'b", 'a"b', "a/b", "a\\b", "a\nb", "a%b", "a\x00"]
)
def test_names_that_would_need_escaping_are_refused(name: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be a table's name") as caught:
        check_table_name(name)
    assert caught.value.field == "table"


@pytest.mark.parametrize("character", [*"\u202e\u2066\u200b\u200d\ufeff\u00a0\u3164\ufe0f\u00ad\ue000\u2028"])
def test_names_with_characters_that_cannot_be_seen_are_refused(character: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot be a table's name") as caught:
        check_table_name(f"rtl{character}gnp")
    said = str(caught.value)
    assert character not in said
    assert character.encode("unicode_escape").decode() in said
