"""The record of statements: who ran which one, when, from where, with what outcome.

In Label Studio's database, where it outlives deployments and users (but not `POLARDB_STATEMENT_RECORD_DAYS`), and in
the log. The record is written before the
statement runs: one that ends with its process has left a trace, and what cannot be recorded is not run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from users.models import User

from polardb_bridge.conf import configuration
from polardb_bridge.databases.interrupts import begin_afresh_after
from polardb_bridge.deployments.models import StatementRecord
from polardb_bridge.statements.errors import UNKNOWN_ERROR, StatementError
from polardb_bridge.statements.masking import masked, printable

# The name under which operators find it, wherever this module is.
logger = logging.getLogger("polardb_bridge.deployments.audit")

MAX_STATEMENT_LENGTH = 4096
MAX_ERROR_LENGTH = 4096
_UNFINISHED = "No end is recorded: it runs, or its process ended before it did."


@dataclass(frozen=True)
class Actor:
    """Who runs statements. user: None on a command line; account: the system's, there. client_ip: None if unknown.

    via: how they came, in one word: `command`, `api`, `console`.
    """

    user: User | None
    client_ip: str | None
    via: str
    account: str = ""

    @property
    def name(self) -> str:
        return self.user.email if self.user else self.account


@contextmanager
def recorded(statement: str, actor: Actor) -> Iterator[None]:
    """Record what runs inside as `statement`, whether it succeeds or raises; secrets in it are masked."""
    _forget_old()
    record = StatementRecord.objects.create(
        user=actor.user,
        user_name=actor.name[:256],
        client_ip=(actor.client_ip or "")[:64],
        via=actor.via,
        statement=_shortened(masked(statement), MAX_STATEMENT_LENGTH),
        outcome=StatementRecord.Outcome.RUNNING,
        error=_UNFINISHED,
    )
    try:
        yield
    except StatementError as error:
        is_refused = error.code != UNKNOWN_ERROR
        outcome = StatementRecord.Outcome.REFUSED if is_refused else StatementRecord.Outcome.FAILED
        _close(record, outcome, str(error))
        raise
    except BaseException as error:
        begin_afresh_after(error)
        _close(record, StatementRecord.Outcome.FAILED, f"{type(error).__name__}, see the log")
        raise
    _close(record, StatementRecord.Outcome.DONE, "")


def _forget_old() -> None:
    kept = configuration().statement_records_kept
    if kept is not None:
        StatementRecord.objects.filter(at__lt=timezone.now() - kept).delete()


def _close(record: StatementRecord, outcome: Any, error: str) -> None:
    record.outcome, record.error = outcome, _shortened(error, MAX_ERROR_LENGTH)
    level = logging.WARNING if outcome == StatementRecord.Outcome.FAILED else logging.INFO
    logger.log(
        level,
        "%s%s via %s: %s: %s%s",
        record.user_name or "somebody",
        f" from {record.client_ip}" if record.client_ip else "",
        record.via,
        record.outcome,
        record.statement,
        f": {record.error}" if record.error else "",
    )
    record.save(update_fields=["outcome", "error"])


def _shortened(text: str, max_length: int) -> str:
    return printable(text if len(text) <= max_length else text[:max_length] + "…")
