"""Every foreign table is labeled by a command and by a statement, with results in its rows and in a result table."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError

from support.foreign_tables import TABLES, ForeignTable
from support.foreign_tables.labeling import Labeled, Made, check_from_beginning_to_end
from support.source_data import Source

pytestmark = pytest.mark.usefixtures("commands_database")

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
every_writable_table = pytest.mark.parametrize(
    "table",
    [table for table in TABLES.values() if table.results],
    ids=[name for name in TABLES if TABLES[name].results],
)


@every_writable_table
def test_a_command_has_results_written_into_rows(table: ForeignTable, source: Source, user: Any, api: Any) -> None:
    check_from_beginning_to_end(Labeled.by_command(Made.create(table, source, into_rows=True), api))


@every_table
def test_a_command_has_results_written_into_a_table(table: ForeignTable, source: Source, user: Any, api: Any) -> None:
    """The source is as it was found: no column is added, and no row of it is written."""
    check_from_beginning_to_end(Labeled.by_command(Made.create(table, source, into_table=True), api))


@every_table
def test_a_statement_has_results_written_into_both(table: ForeignTable, source: Source, user: Any) -> None:
    made = Made.create(table, source, into_rows=bool(table.results), into_table=True)
    check_from_beginning_to_end(Labeled.by_statement(made))


@pytest.mark.parametrize(
    "table", [table for table in TABLES.values() if not table.results], ids=[n for n in TABLES if not TABLES[n].results]
)
def test_what_cannot_be_written_is_pointed_to_a_result_table(
    table: ForeignTable, source: Source, user: Any, api: Any
) -> None:
    with pytest.raises(CommandError, match=r"is a view, and results are not written into its rows: .*--result-table"):
        Labeled.by_command(Made.create(table, source), api)
