"""What deliveries and comparisons ask of a place that results go to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.webhooks.readback import Moved

# How long a server may keep quiet before a delivery gives up.
TIMEOUT_S = 8

Connecting = Callable[[ConnectionParameters], AbstractContextManager[sa.Connection]]
# By task, what has to stand there; each has the `row_id` of the task's row.
Results = Mapping[int, Any]


def writing_parameters(storage: PolarDBExportStorage) -> ConnectionParameters:
    """How write-back connects: nothing of it waits long."""
    return replace(storage.connection_parameters(), timeout_s=TIMEOUT_S, is_writer=True)


@dataclass(frozen=True)
class Outcome:
    """What a write has come to, by task.

    missing: whose rows are gone. kept: the column that holds something else than was written. moved: rows whose version
    the write has changed. with_result: whose rows hold a result of ours now.
    """

    missing: frozenset[int] = frozenset()
    kept: Mapping[int, str] = field(default_factory=dict)
    moved: Mapping[int, Moved] = field(default_factory=dict)
    with_result: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """what: as the numbers of a report are called; empty if all is as it should be."""

    what: str = ""
    is_to_be_written: bool = False


class Writer(ABC):
    """Of one target; for one delivery, or one comparison."""

    def __init__(self, storage: PolarDBExportStorage) -> None:
        self.storage = storage

    @cached_property
    def parameters(self) -> ConnectionParameters:
        return writing_parameters(self.storage)

    @abstractmethod
    def current(self, task_ids: Sequence[int]) -> Iterator[Results]:
        """What Label Studio has now of these tasks, in groups that fit into memory."""

    @abstractmethod
    def check(self, connection: sa.Connection) -> None:
        """Fail as every write does, if the account or the table as such is the reason, and not a row."""

    @abstractmethod
    def held(self, connection: sa.Connection, results: Results) -> set[int]:
        """The tasks whose rows others have locked; the rows of the rest are locked until the transaction ends.

        Raises:
            RetryableError: the server cannot tell.
        """

    @abstractmethod
    def write(self, connection: sa.Connection, results: Results) -> Outcome:
        """Write, in the caller's transaction; the same call again changes nothing more.

        Raises:
            VersionsUnknownError: once, if it has to be done again in a new transaction.
            RowError: one of them cannot be written.
        """

    @abstractmethod
    def judge(self, links: Sequence[PolarDBImportStorageLink], connecting: Connecting) -> dict[int, Verdict]:
        """By task, how what is there compares with Label Studio."""
