"""Writing leased tasks into their rows: whatever is wrong with one row, or who holds it, the others get theirs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa

from polardb_bridge.errors import (
    BridgeError,
    DisconnectedError,
    LockedError,
    LoginRefusedError,
    ServerDownError,
)
from polardb_bridge.table.connection import begin
from polardb_bridge.table.keys import Key, order_of, shown_key
from polardb_bridge.webhooks.leases import Lease, OvertakenError
from polardb_bridge.webhooks.outbox import Unwritable
from polardb_bridge.webhooks.readback import VersionsUnknownError, take_versions
from polardb_bridge.webhooks.writers.writer import Outcome, Results, Writer

logger = logging.getLogger(__name__)

MISSING_ROW = "The table has no row {row_id} any more."
KEPT_OTHER = "The row keeps another {column} than was written: a trigger or the column's type changes it."

# No row is the reason of these.
_NOT_OF_A_ROW = (ServerDownError, DisconnectedError, LoginRefusedError, OvertakenError)

_T = TypeVar("_T")


@dataclass
class Batch:
    """Leased tasks on their way into the table. Tasks by id; unwritable: why a row alone could not be written.

    is_contended: others are known to hold rows of the table, or were found to.
    """

    writer: Writer
    lease: Lease
    attempt: int
    is_contended: bool = False
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
        for results in self.writer.current(self.lease.task_ids):
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
        self._is_written(results, self._in_transaction(lambda connection: self._write_rows(connection, results)))

    def _write_what_is_free(self, results: Results) -> None:
        """Write the rows that nobody else holds, and put off the others, without waiting for any."""

        def write(connection: sa.Connection) -> tuple[set[int], Outcome]:
            held = self.writer.held(connection, results)
            return held, self._write_rows(connection, _without(held, results))

        try:
            held, outcome = self._in_transaction(write)
        except _NOT_OF_A_ROW:
            raise
        except BridgeError as found:
            # A server that cannot skip locked rows, a row that is refused among those that are free, or something
            # that is locked and no row of this table: a trigger needs it.
            self._write_apart(results, found)
            return
        self._is_written(_without(held, results), outcome)
        for task_id in held:
            self._put_off(task_id, results[task_id].row_id)

    def _write_apart(self, results: Results, error: BridgeError) -> None:
        """Halve what failed together, until what cannot be written stands alone. Nothing of it was committed."""
        # Is it the table that takes no such statement, and no row at all?
        with begin(self.writer.parameters) as connection:
            self.writer.check(connection)
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
            with begin(self.writer.parameters) as connection:
                return write(connection)
        except VersionsUnknownError:
            # Nothing was committed. Asking another session would take a second connection while this one is held.
            pass
        with begin(self.writer.parameters) as connection:
            return write(connection)

    def _write_rows(self, connection: sa.Connection, results: Results) -> Outcome:
        outcome = self.writer.write(connection, results)
        self.lease.check()
        return outcome

    def _is_written(self, results: Results, outcome: Outcome) -> None:
        take_versions(outcome.moved)
        self.with_result += outcome.with_result
        for task_id, result in results.items():
            if task_id in outcome.missing:
                self._put_off(task_id, result.row_id, MISSING_ROW.format(row_id=shown_key(result.row_id)))
            elif task_id in outcome.kept:
                self._put_off(task_id, result.row_id, KEPT_OTHER.format(column=outcome.kept[task_id]))
            else:
                self.written.append(task_id)
                self._log(logging.DEBUG if len(results) > 1 else logging.INFO, task_id, result.row_id, "written")
        if len(results) > 1:
            count = len(results) - len(outcome.missing)
            logger.info("Write-back: storage %s, %s rows written", self.writer.storage.pk, count)

    def _put_off(self, task_id: int, row_id: Key, reason: str = "") -> None:
        self.unwritable[task_id] = Unwritable(row_id, reason)
        self._log(logging.WARNING if reason else logging.INFO, task_id, row_id, reason or "locked by others")

    def _log(self, level: int, task_id: int, row_id: Key, what: str) -> None:
        logger.log(
            level,
            "Write-back: storage %s, task %s, row %s, attempt %s: %s",
            *(self.writer.storage.pk, task_id, shown_key(row_id), self.attempt, what),
        )


def _without(held: set[int], results: Results) -> Results:
    return {task_id: result for task_id, result in results.items() if task_id not in held}
