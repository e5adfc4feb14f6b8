"""Results in the rows of sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorageLink
from polardb_bridge.table.keys import Key
from polardb_bridge.table.results import check_writable, lock_free_rows, write_results
from polardb_bridge.table.stored import StoredResult, Unreadable, read_results
from polardb_bridge.table.versions import read_versions
from polardb_bridge.webhooks import outbox, sequence
from polardb_bridge.webhooks.current_results import current_results
from polardb_bridge.webhooks.readback import VersionsUnknownError, read_back
from polardb_bridge.webhooks.writers.writer import Connecting, Outcome, Results, Verdict, Writer


class RowWriter(Writer):
    """The newest result of a task, in the row that it came from.

    is_moving: rows are known to have other versions than their tasks show, perhaps by our own writes.
    """

    is_moving = False

    @cached_property
    def table(self) -> sa.Table:
        return self.storage.source_table

    def current(self, task_ids: Sequence[int]) -> Iterator[Results]:
        return current_results(self.storage, task_ids)

    def check(self, connection: sa.Connection) -> None:
        check_writable(connection, self.table)

    def held(self, connection: sa.Connection, results: Results) -> set[int]:
        _, held = lock_free_rows(connection, self.table, [result.row_id for result in results.values()])
        return {task for task, result in results.items() if result.row_id in held}

    def write(self, connection: sa.Connection, results: Results) -> Outcome:
        ids = [result.row_id for result in results.values()]
        before = read_versions(connection, self.table, ids, lock=True) if self.is_moving else None
        missing = write_results(connection, self.table, list(results.values()))
        try:
            back = read_back(connection, self.table, results.values(), before)
        except VersionsUnknownError:
            self.is_moving = True
            raise
        by_task = {task: result.row_id for task, result in results.items()}
        there = {task: row_id for task, row_id in by_task.items() if row_id not in missing}
        return Outcome(
            missing=frozenset(by_task.keys() - there.keys()),
            kept={task: back.columns[row_id] for task, row_id in there.items() if row_id in back.columns},
            moved={task: back.moved[row_id] for task, row_id in by_task.items() if row_id in back.moved},
            with_result=frozenset(task for task in there if results[task].data is not None),
        )

    def judge(self, links: Sequence[PolarDBImportStorageLink], connecting: Connecting) -> dict[int, Verdict]:
        rows = {link.task_id: link.row_key for link in links}
        stored = self._read(list(rows.values()), connecting)
        expected: dict[int, bool] = {}
        cleared: set[int] = set()
        imported: dict[int, bool] = {}  # whether the row still holds it
        for results in self.current(list(rows)):
            for task_id, result in results.items():
                found = stored.get(result.row_id)
                expected[task_id] = found is not None and found.matches(result)
                if result.data is None:
                    cleared.add(task_id)
                elif found is not None and not expected[task_id] and result.count == 1:
                    is_alike = found.data == result.data
                    if is_alike or (found.data is not None and found.uid != result.uid):
                        imported[task_id] = is_alike
        # A result that came from its row, and that nobody has touched: other tools keep another count or no uid, and
        # may have labeled the row again.
        untouched = imported.keys() - sequence.tasks_changed_here(imported) if imported else set()
        pending = outbox.dirty([self.storage], list(rows))
        verdicts = {}
        for link in links:
            found = stored.get(link.row_key)
            verdict = Verdict()
            if found is None:
                # Its mark will say so to people who look for what is not delivered.
                verdict = Verdict("missing", link.task_id in expected and link.task_id not in cleared)
            elif link.task_id in untouched:
                verdict = Verdict() if imported[link.task_id] else Verdict("foreign")
            elif not expected.get(link.task_id, True) and (link.task_id not in cleared or link.has_result):
                verdict = Verdict("pending" if link.task_id in pending else "different", is_to_be_written=True)
            elif not expected.get(link.task_id, False) and not found.is_empty:
                verdict = Verdict("foreign")
            verdicts[link.task_id] = verdict
        return verdicts

    def _read(self, row_ids: list[Key], connecting: Connecting) -> dict[Key, StoredResult]:
        with connecting(self.parameters) as connection:
            try:
                return read_results(connection, self.table, row_ids)
            except (TypeError, ValueError, AttributeError, OverflowError):
                if len(row_ids) == 1:
                    # What others put there, the driver cannot even make a value of: nothing of ours.
                    return {row_ids[0]: StoredResult(row_ids[0], Unreadable("cannot be read"), None, None, None, None)}
        middle = len(row_ids) // 2
        halves = row_ids[:middle], row_ids[middle:]
        return self._read(halves[0], connecting) | self._read(halves[1], connecting)
