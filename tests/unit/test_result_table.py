"""Answers as the mysql client prints them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from rich.cells import cell_len

from polardb_bridge.deployments.execution.answers import Answer
from polardb_bridge.management.result_table import as_list, as_table, width_of

AT = datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=timezone(timedelta(hours=8)))
ANSWER = Answer(
    ("name", "标题", "tasks", "created_at"),
    (("cat", "动物（第一批）", 9, AT), ("dog", "a\x1b[31m\nb", 1000, None)),
    "",
)


def test_columns_stay_in_line_whatever_characters_they_hold() -> None:
    table = as_table(ANSWER)
    assert table.splitlines() == [
        "+------+----------------+-------+---------------------+",
        "| name | 标题           | tasks | created_at          |",
        "+------+----------------+-------+---------------------+",
        "| cat  | 动物（第一批） |     9 | 2026-01-01 19:04:05 |",
        "| dog  | a\\x1b[31m\\nb   |  1000 | NULL                |",
        "+------+----------------+-------+---------------------+",
        "2 rows in set",
    ]
    assert {cell_len(line) for line in table.splitlines()[:-1]} == {width_of(table)} == {55}


def test_a_wide_row_is_read_from_top_to_bottom() -> None:
    assert as_list(Answer(ANSWER.columns, ANSWER.rows[:1], "")).splitlines() == [
        "*************************** 1. row ***************************",
        "      name: cat",
        "      标题: 动物（第一批）",
        "     tasks: 9",
        "created_at: 2026-01-01 19:04:05",
        "1 row in set",
    ]


@pytest.mark.parametrize("draw", [as_table, as_list])
def test_no_rows_are_said_in_words(draw: Callable[..., Any]) -> None:
    assert draw(Answer(("name",), (), "")) == "Empty set"
