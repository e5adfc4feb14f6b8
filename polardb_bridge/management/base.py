"""What the commands share: one clear line on failure, JSON for programs, progress for people."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from polardb_bridge.databases.failures import FAILURES, as_advice
from polardb_bridge.errors import BridgeError


def _as_utf8(argument: str) -> str:
    """What was typed, if its bytes are UTF-8 and Python has read them as something else."""
    try:
        return os.fsencode(argument).decode()
    except UnicodeDecodeError:
        return argument


class BridgeCommand(BaseCommand):
    """Exits with 1 and one line for every error of this package."""

    # They tell about this installation, not about the command: `manage check` and every start of a server show them.
    requires_system_checks = ()

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            output: str | None = super().execute(*args, **options)
        except BridgeError as error:
            raise CommandError(str(error)) from None
        except FAILURES as error:
            advice = as_advice(error)
            if advice is None:
                raise
            raise CommandError(str(advice)) from None
        except KeyboardInterrupt:
            raise CommandError("Interrupted; run it again to continue.", returncode=130) from None
        return output

    def run_from_argv(self, argv: list[str]) -> None:
        # In a locale that is not UTF-8, Python neither reads nor prints what is: Chinese names, for one.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
                stream.reconfigure(encoding="utf-8")
        super().run_from_argv([_as_utf8(argument) for argument in argv])

    def add_json_option(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")

    def print_json(self, value: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(value, ensure_ascii=False, default=str))

    def progress(self, quiet: bool) -> Progress:
        """A progress bar on standard error, drawn only if a person watches."""
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            disable=quiet or not sys.stderr.isatty(),
        )
