"""A table that moves the version of every row that is written: a hundred results are no change of a hundred rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.foreign_tables import TABLES, Row
from support.foreign_tables.labeling import Labeled, Made
from support.foreign_tables.table import values_of
from support.source_data import Source

pytestmark = pytest.mark.usefixtures("commands_database")

CONVERSATIONS = TABLES["json"]
COUNT = 100


@pytest.mark.parametrize(
    ("column", "moves"),
    [
        ("TIMESTAMP(6) NOT NULL DEFAULT '2024-01-01 00:00:01'", "NOW(6)"),
        ("DATETIME NULL", "UTC_TIMESTAMP()"),
        ("INT NOT NULL DEFAULT 1", "OLD.version + 1"),
        ("CHAR(36) NOT NULL DEFAULT ''", "UUID()"),
    ],
    ids=["time", "time that was NULL", "number", "text"],
)
def test_no_task_is_refreshed(column: str, moves: str, source: Source, user: Any, api: Any) -> None:
    numbers = range(1, COUNT + 1)
    table = replace(
        CONVERSATIONS,
        values=values_of("conversations", "turns", (("[]",) for _ in numbers)),
        rows=tuple(Row(number, {"id": number}, {"turns": [], "closed": ""}, str(number)) for number in numbers),
        version="version",
    )
    made = Made.create(table, source, into_rows=True)
    made.execute(f"ALTER TABLE conversations ADD COLUMN version {column}")
    labeled = Labeled.by_command(made, api)
    made.execute(f"CREATE TRIGGER moves BEFORE UPDATE ON conversations FOR EACH ROW SET NEW.version = {moves}")
    before = [row["version"] for row in made.rows()]
    for number in range(COUNT):
        labeled.submit(number, "cat")
    labeled.deliver()
    assert all(row["version"] != old for row, old in zip(made.rows(), before, strict=True))
    assert labeled.sync() == (0, 0, 0, 0)
    assert labeled.differences() == 0
    # A change of somebody else is one, all the same.
    made.execute(table.change, new=table.new)
    assert labeled.sync() == (0, 1, 0, 0)
