from __future__ import annotations

import json
from typing import Any

import pytest

from polardb_bridge.table.results import to_json


@pytest.mark.parametrize(
    "value", [[], [{"id": "a"}], [{"label": "猫😀"}], ["\ud800"], ["'\"\\\n\t"], [1.5, None, True]]
)
def test_json_reads_back_as_it_was(value: list[dict[str, Any]] | list[str]) -> None:
    text = to_json(value)
    text.encode()
    assert json.loads(text) == value


def test_chinese_stays_readable_in_a_query() -> None:
    assert to_json(["猫"]) == '["猫"]'
