"""Some of the foreign tables, from beginning to end; `make test-tables` labels all of them, in every way."""

from __future__ import annotations

from typing import Any

import pytest

from support.foreign_tables import TABLES
from support.foreign_tables.labeling import Labeled, Made, check_from_beginning_to_end
from support.source_data import Source


@pytest.mark.usefixtures("commands_database")
@pytest.mark.parametrize(
    "name", ["large unsigned key", "two columns as key", "picture behind a header", "texts", "view over a join"]
)
def test_it_is_labeled_from_beginning_to_end(name: str, source: Source, user: Any, api: Any) -> None:
    table = TABLES[name]
    made = Made.create(table, source, into_rows=bool(table.results), into_table=True)
    check_from_beginning_to_end(Labeled.by_command(made, api))
