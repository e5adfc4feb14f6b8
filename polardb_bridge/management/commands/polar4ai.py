from __future__ import annotations

import getpass
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.deployments.execution import audit
from polardb_bridge.deployments.execution.answers import Answer, as_json, failure_as_json
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.result_table import as_list, as_table, as_tabs, width_of
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.statements.parser import parse_script


class Command(BridgeCommand):
    help = (
        "Run statements that deploy, show, open and drop, as PolarDB for AI documents them; several with semicolons "
        "between them, up to the first that fails. Without a statement, they are read from standard input. "
        'Example: polar4ai "SHOW DEPLOYMENTS"'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group()
        source.add_argument("statement", nargs="?", help="the statements")
        source.add_argument("--file", type=Path, metavar="PATH", help="a file of statements, in UTF-8")
        parser.add_argument(
            "--vertical", action="store_true", help=r"a value a line, as after \G; also if a table is too wide"
        )
        parser.add_argument(
            "--table",
            action="store_true",
            help="draw tables although the output is no terminal; else, tabs are between",
        )
        self.add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        text = _read(options["statement"], options["file"])
        is_vertical = _ends(text)
        answers: list[Answer] = []

        def show(answer: Answer) -> None:
            vertical = options["vertical"] or is_vertical[len(answers)]
            answers.append(answer)
            if not options["json"]:
                drawn = _drawn(answer, vertical=vertical, table=options["table"])
                if drawn:
                    self.stdout.write(drawn)

        try:
            with _unlogged():
                execute(text, _actor(), show)
        except StatementError as error:
            if options["json"]:
                self.print_json(failure_as_json(error, answers))
            self.stderr.write(str(error))
            if error.number > 1:
                self.stderr.write(
                    f"It is statement {error.number}; {error.ran or 'none'} of those before it "
                    f"{'was' if error.ran == 1 else 'were'} run."
                )
            raise SystemExit(1) from None
        if options["json"]:
            self.print_json(as_json(answers))


def _read(statement: str | None, file: Path | None) -> str:
    if statement is not None:
        return statement
    try:
        content = file.read_bytes() if file else sys.stdin.buffer.read()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{file or 'The standard input'} is not text in UTF-8: byte {error.start + 1}. Save it in that encoding."
        ) from None


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


def _drawn(answer: Answer, *, vertical: bool, table: bool) -> str:
    """As the mysql client prints it: a table for people, tabs for programs, a value a line if so asked."""
    if not answer.columns:
        return answer.message
    if vertical:
        return as_list(answer)
    if not table and not sys.stdout.isatty():
        return as_tabs(answer)
    drawn = as_table(answer)
    is_too_wide = not table and width_of(drawn) > shutil.get_terminal_size().columns
    return as_list(answer) if is_too_wide else drawn
