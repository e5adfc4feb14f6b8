import json

import pytest

from polardb_bridge.table.results import to_json


@pytest.mark.parametrize(
    "value", [[], [{"id": "a"}], [{"label": "猫😀"}], ["\ud800"], ["'\"\\\n\t"], [1.5, None, True]]
)
def test_json_reads_back_as_it_was(value):
    text = to_json(value)
    text.encode()
    assert json.loads(text) == value


def test_chinese_stays_readable_in_a_query():
    assert to_json(["猫"]) == '["猫"]'
