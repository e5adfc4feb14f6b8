from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.deployments.execution.answers import Answer, as_json, failure_as_json
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.management import shell
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.statements import drawn, run
from polardb_bridge.statements.errors import StatementError


class Command(BridgeCommand):
    help = (
        "Run statements that deploy, show, open and drop, as PolarDB for AI documents them; several with semicolons "
        "between them, up to the first that fails. Without a statement, a terminal gets a prompt for them, and what "
        'comes from elsewhere is read to its end. Example: polar4ai "SHOW DEPLOYMENTS"'
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
        is_given = options["statement"] is not None or options["file"]
        if not (is_given or options["json"]) and sys.stdin.isatty() and sys.stdout.isatty():
            shell.run(self, vertical=options["vertical"], table=options["table"])
            return
        answers: list[Answer] = []

        def show(answer: Answer, is_vertical: bool) -> None:
            answers.append(answer)
            if not options["json"]:
                text = drawn(answer, vertical=options["vertical"] or is_vertical, table=options["table"])
                if text:
                    self.stdout.write(text)

        try:
            run(_read(options["statement"], options["file"]), show)
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
