"""Writing leased tasks into their rows: whatever is wrong with one row, or who holds it, the others get theirs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import sqlalchemy as sa

from polardb_bridge.errors import (
    BridgeError,
    DisconnectedError,
    LockedError,
    LoginRefusedError,
    ServerDownError,
)
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.table.connection import begin
from polardb_bridge.table.keys import Key, order_of, shown_key
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.results import RowResult, check_writable, lock_free_rows, write_results
from polardb_bridge.table.versions import read_versions
from polardb_bridge.webhooks.current_results import current_results
from polardb_bridge.webhooks.leases import Lease, OvertakenError
from polardb_bridge.webhooks.outbox import Unwritable
from polardb_bridge.webhooks.readback import Readback, VersionsUnknownError, read_back, take_versions

logger = logging.getLogger(__name__)

# How long a server may keep quiet before a delivery gives up.
TIMEOUT_S = 8
MISSING_ROW = "The table has no row {row_id} any more."
KEPT_OTHER = "The row keeps another {column} than was written: a trigger or the column's type changes it."

# No row is the reason of these.
_NOT_OF_A_ROW = (ServerDownError, DisconnectedError, LoginRefusedError, OvertakenError)

Results = dict[int, RowResult]
_T = TypeVar("_T")


def writing_parameters(storage: PolarDBExportStorage) -> ConnectionParameters:
    """How write-back connects: nothing of it waits long."""
    return replace(storage.connection_parameters(), timeout_s=TIMEOUT_S, is_writer=True)


@dataclass
class Batch:
    """Leased tasks on their way into the table. Tasks by id; unwritable: why a row alone could not be written.

    is_contended: others are known to hold rows of the table, or were found to. is_moving: rows are known to have other
    versions than their tasks show, perhaps by our own writes.
    """

    storage: PolarDBExportStorage
    lease: Lease
    attempt: int
    is_contended: bool = False
    is_moving: bool = False
    written: list[int] = field(default_factory=list)
    with_result: list[int] = field(default_factory=list)
    unwritable: dict[int, Unwritable] = field(default_factory=dict)

    @property
    def parked(self) -> int:
        return sum(bool(why.reason) for why in self.unwritable.values())

    def write(self) -> None:
        """Write what can be written.

        Raises:
            BridgeError: the server, the account or the table is the reason that nothing more can be.
        """
        self.parameters = writing_parameters(self.storage)
        self.table = self.storage.source_table
        for results in current_results(self.storage, self.lease.task_ids):
            self._write(results)

    def _write(self, results: Results) -> None:
        if not self.is_contended:
            try:
                self._write_together(results)
                return
            except _NOT_OF_A_ROW:
                raise
            except LockedError:
                self.is_contended = True
            except BridgeError as error:
                self._write_apart(results, error)
                return
        self._write_what_is_free(results)

    def _write_together(self, results: Results) -> None:
        missing, back = self._in_transaction(lambda connection: self._write_rows(connection, results))
        self._is_written(results, missing, back)

    def _write_what_is_free(self, results: Results) -> None:
        """Write the rows that nobody else holds, and put off the others, without waiting for any."""
        by_row = {result.row_id: task_id for task_id, result in results.items()}

        def write(connection: sa.Connection) -> tuple[set[Key], Results, set[Key], Readback]:
            _, held = lock_free_rows(connection, self.table, list(by_row))
            free = {task: result for task, result in results.items() if result.row_id not in held}
            return held, free, *self._write_rows(connection, free)

        try:
            held, free, missing, back = self._in_transaction(write)
        except _NOT_OF_A_ROW:
            raise
        except BridgeError as found:
            # A server that cannot skip locked rows, a row that is refused among those that are free, or something
            # that is locked and no row of this table: a trigger needs it.
            self._write_apart(results, found)
            return
        self._is_written(free, missing, back)
        for row_id in held:
            self._put_off(by_row[row_id], row_id)

    def _write_apart(self, results: Results, error: BridgeError) -> None:
        """Halve what failed together, until what cannot be written stands alone. Nothing of it was committed."""
        # Is it the table that takes no such statement, and no row at all?
        with begin(self.parameters) as connection:
            check_writable(connection, self.table)
        if len(results) == 1:
            [(task_id, result)] = results.items()
            self._put_off(task_id, result.row_id, "" if isinstance(error, LockedError) else str(error))
            return
        pairs = sorted(results.items(), key=lambda pair: order_of(pair[1].row_id))
        for half in (dict(pairs[: len(pairs) // 2]), dict(pairs[len(pairs) // 2 :])):
            try:
                self._write_together(half)
            except _NOT_OF_A_ROW:
                raise
            except BridgeError as found:
                self._write_apart(half, found)

    def _in_transaction(self, write: Callable[[sa.Connection], _T]) -> _T:
        """What `write` does, in one transaction; once more if it turns out that versions have to be read before."""
        try:
            with begin(self.parameters) as connection:
                return write(connection)
        except VersionsUnknownError:
            # Nothing was committed. Asking another session would take a second connection while this one is held.
            self.is_moving = True
        with begin(self.parameters) as connection:
            return write(connection)

    def _write_rows(self, connection: sa.Connection, results: Results) -> tuple[set[Key], Readback]:
        """Write rows, and look at them; the ids of those that the table does not have."""
        ids = [result.row_id for result in results.values()]
        before = read_versions(connection, self.table, ids, lock=True) if self.is_moving else None
        missing = write_results(connection, self.table, list(results.values()))
        back = read_back(connection, self.table, results.values(), before)
        self.lease.check()
        return missing, back

    def _is_written(self, results: Results, missing: Iterable[Key], back: Readback) -> None:
        gone = set(missing)
        take_versions(
            {task: back.moved[result.row_id] for task, result in results.items() if result.row_id in back.moved}
        )
        for task_id, result in results.items():
            if result.row_id in gone:
                self._put_off(task_id, result.row_id, MISSING_ROW.format(row_id=shown_key(result.row_id)))
                continue
            if result.data is not None:
                self.with_result.append(task_id)
            if result.row_id in back.columns:
                self._put_off(task_id, result.row_id, KEPT_OTHER.format(column=back.columns[result.row_id]))
                continue
            self.written.append(task_id)
            self._log(logging.DEBUG if len(results) > 1 else logging.INFO, task_id, result.row_id, "written")
        if len(results) > 1:
            logger.info("Write-back: storage %s, %s rows written", self.storage.pk, len(results) - len(gone))

    def _put_off(self, task_id: int, row_id: Key, reason: str = "") -> None:
        self.unwritable[task_id] = Unwritable(row_id, reason)
        self._log(logging.WARNING if reason else logging.INFO, task_id, row_id, reason or "locked by others")

    def _log(self, level: int, task_id: int, row_id: Key, what: str) -> None:
        logger.log(
            level,
            "Write-back: storage %s, task %s, row %s, attempt %s: %s",
            *(self.storage.pk, task_id, shown_key(row_id), self.attempt, what),
        )
