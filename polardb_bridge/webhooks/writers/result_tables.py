"""Every annotation by itself, in a result table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorageLink
from polardb_bridge.storage.result_tables import check_takes, project_writer
from polardb_bridge.table.annotations import ProjectWriter, differences, tasks_held, write_annotations
from polardb_bridge.table.result_table import ResultTable, check_writable, open_result_table
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.current_annotations import current_annotations
from polardb_bridge.webhooks.writers.writer import Connecting, Outcome, Results, Verdict, Writer


class ResultTableWriter(Writer):
    """All annotations of a task: what was deleted goes, what was skipped says so, drafts are never there."""

    _found: ResultTable | None = None

    def current(self, task_ids: Sequence[int]) -> Iterator[Results]:
        return current_annotations(self.storage, task_ids)

    def check(self, connection: sa.Connection) -> None:
        check_writable(connection, self._table(connection))

    def held(self, connection: sa.Connection, results: Results) -> set[int]:
        return tasks_held(connection, self._table(connection), self._us, list(results))

    def write(self, connection: sa.Connection, results: Results) -> Outcome:
        table = self._table(connection)
        for result in results.values():
            check_takes(table, result.kinds, result.source)
        return Outcome(kept=write_annotations(connection, table, self._us, list(results.values())))

    def judge(self, links: Sequence[PolarDBImportStorageLink], connecting: Connecting) -> dict[int, Verdict]:
        different: set[int] = set()
        for results in self.current([link.task_id for link in links]):
            with connecting(self.parameters) as connection:
                table = self._table(connection)
                # Of the others, their marks will say what is wrong.
                fit = [result for result in results.values() if table.takes(result.kinds)]
                found = differences(connection, table, self._us, fit)
            different |= results.keys() - {task for task, difference in found.items() if not difference}
        pending = outbox.dirty([self.storage], list(different))
        return {
            link.task_id: Verdict("pending" if link.task_id in pending else "different", is_to_be_written=True)
            if link.task_id in different
            else Verdict()
            for link in links
        }

    @cached_property
    def _us(self) -> ProjectWriter:
        return project_writer(self.storage.project)

    def _table(self, connection: sa.Connection) -> ResultTable:
        # As it is now: it may have been made anew, for other keys.
        self._found = self._found or open_result_table(connection, self.storage.table)
        return self._found
