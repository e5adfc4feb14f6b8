"""Statements of whoever is at the command line: run and recorded, with answers as the mysql client prints them."""

from __future__ import annotations

import getpass
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from polardb_bridge.deployments.execution import audit
from polardb_bridge.deployments.execution.answers import Answer
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.management.result_table import as_list, as_table, as_tabs, width_of
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.statements.parser import parse_script


def run(text: str, on_answer: Callable[[Answer, bool], None]) -> None:
    r"""Run the statements of `text`; `on_answer` is told of each answer, and whether its statement ends in `\G`.

    Raises:
        StatementError: as of `execute`.
    """
    is_vertical = iter(_ends(text))
    with _unlogged():
        execute(text, _actor(), lambda answer: on_answer(answer, next(is_vertical)))


def drawn(answer: Answer, *, vertical: bool, table: bool) -> str:
    """As the mysql client prints it: a table for people, tabs for programs, a value a line if so asked.

    table: also for programs, and if it is too wide for the terminal.
    """
    if not answer.columns:
        return answer.message
    if vertical:
        return as_list(answer)
    if not table and not sys.stdout.isatty():
        return as_tabs(answer)
    drawing = as_table(answer)
    is_too_wide = not table and width_of(drawing) > shutil.get_terminal_size().columns
    return as_list(answer) if is_too_wide else drawing


def _actor() -> audit.Actor:
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have them
        account = f"uid {os.getuid()}"
    return audit.Actor(user=None, client_ip=None, via="command", account=account)


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the log of statements, which goes to the standard error here, from between the answers."""
    level = audit.logger.level
    audit.logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        audit.logger.setLevel(level)


def _ends(text: str) -> list[bool]:
    r"""For each statement, whether it ends in \G; none if they cannot be read, and so will not be run."""
    try:
        return [entry.is_vertical for entry in parse_script(text)]
    except StatementError:
        return []
