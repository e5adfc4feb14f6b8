"""Foreign tables by mouse: the wizard's mapping step, a sync, and a result in the row. `make test-tables` runs all."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from polardb_bridge.labeling import labeling_config
from support.foreign_tables import TABLES, ForeignTable
from support.foreign_tables.labeling import Made, chosen
from support.source_data import Source
from support.storage_page import Account, StoragePage

# Elsewhere, these two stand for all.
SHORT = ("key of people", "json")
EVERY_TABLE = [pytest.param(TABLES[name], id=name, marks=[] if name in SHORT else pytest.mark.long) for name in TABLES]
_READ = re.compile(r"(?:`(.+)`|([^:]+)):([^(]+)(?:\((.*)\))?")

pytestmark = pytest.mark.browser


class MappingStep:
    """The step behind the connection: what each column is used for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        line = page.get_by_role("button", name=re.compile("^(Change columns|Close)$"))
        expect(line).to_be_visible()
        if line.get_attribute("aria-expanded") != "true":
            line.click()
        others = page.locator("summary", has_text=re.compile("other columns?$"))
        if others.is_visible():
            others.click()

    def use_of(self, column: str) -> Locator:
        return self.page.get_by_label(re.compile(f"^{re.escape(column)} is used for$", re.IGNORECASE))

    def use(self, column: str, what: str) -> None:
        """what: the value of the choice, such as "key", "field" or a role of results; "" for nothing."""
        if self.use_of(column).input_value() != what:
            self.use_of(column).select_option(what)

    def show(self, column: str, field: str, kind: str, before: str | None) -> None:
        """Say what the task's field is called, and how the column is read."""
        row = self.page.get_by_role("listitem").filter(has=self.use_of(column))
        row.get_by_label("Field of the task").fill(field)
        read_as = row.get_by_label("Read as")
        if read_as.input_value() != kind:
            read_as.select_option(kind)
        if before is not None:
            row.get_by_label("Stands before relative addresses").fill(before)

    def fill(self, table: ForeignTable, columns: list[str]) -> None:
        uses = dict.fromkeys(columns, "") | dict.fromkeys(table.key_columns, "key")
        uses |= {column: role for role, column in table.results.items()}
        if table.version in uses:
            uses[table.version] = "version"
        read = {field: _READ.fullmatch(text) for field, text in table.fields.items()}
        fields = {(found[1] or found[2]): (field, found[3], found[4]) for field, found in read.items() if found}
        uses |= dict.fromkeys(fields, "field")
        if table.name in uses:
            uses[table.name] = "both" if table.name in fields else "name"
        for column in (*(each for each in uses if not uses[each]), *(each for each in uses if uses[each])):
            self.use(column, uses[column])
        for column, (field, kind, before) in fields.items():
            self.show(column, field, kind, before)
        if table.filter:
            self.page.get_by_label("Filter").fill(table.filter)


def wait_for_result(made: Made, number: int, label: str) -> None:
    """Until the row of that number holds it; half a minute."""
    [(role, column)] = [*made.table.results.items()][:1]
    expected = label if role == "label" else [chosen(made.table, label)]
    held: Any = None
    until = time.monotonic() + 30
    while time.monotonic() < until:
        held = made.row(number)[column]
        if held and (held if role == "label" else json.loads(held)) == expected:
            return
        time.sleep(0.2)
    pytest.fail(f"{column} holds {held!r}")


@pytest.mark.parametrize("table", EVERY_TABLE)
def test_its_columns_are_chosen_and_its_rows_are_labeled(
    table: ForeignTable, storage_page: StoragePage, source: Source, account: Account
) -> None:
    made = Made.create(table, source, into_rows=bool(table.results))
    project = f"/api/projects/{storage_page.project_id}"
    storage_page.api("PATCH", project, {"label_config": labeling_config(table.schema)})
    where = {**vars(account), "table": table.source}
    storage_page.choose_provider("Source")
    storage_page.fill(title="Foreign", **where)
    storage_page.test_connection()
    storage_page.button("Next").click()
    step = MappingStep(storage_page.page)
    step.fill(table, list(made.row(0)))
    # What is chosen is shown as tasks: the name of each row stands above it.
    for row in table.rows:
        expect(storage_page.page.get_by_role("heading", name=row.name).first).to_be_visible()
    storage_page.button("Next").click()
    storage_page.button("Save & Sync").click()
    storage_page.expect_synced("Foreign", f"Rows synced {len(table.rows)}")

    if not table.results:
        return
    storage_page.choose_provider("Target")
    storage_page.fill(title="Results", **where)
    storage_page.test_connection()
    storage_page.button("Save").click()
    expect(storage_page.card("Results")).to_be_visible()
    tasks = storage_page.api("GET", f"/api/tasks?project={storage_page.project_id}&fields=all")["tasks"]
    [task] = [task for task in tasks if task["data"]["id"] == table.rows[0].key]
    assert task["data"].keys() == {"id", "original_name", *table.fields}
    storage_page.api("POST", f"/api/tasks/{task['id']}/annotations/", {"result": [chosen(table, "cat")]})
    wait_for_result(made, 0, "cat")
