"""Read, run, show, again: until somebody leaves."""

from __future__ import annotations

import time

from polardb_bridge import __version__
from polardb_bridge.databases.failures import FAILURES, as_advice
from polardb_bridge.databases.interrupts import begin_afresh_after
from polardb_bridge.deployments.execution.answers import Answer
from polardb_bridge.errors import BridgeError
from polardb_bridge.management import statements
from polardb_bridge.management.base import BridgeCommand
from polardb_bridge.management.shell.interrupts import interruptible
from polardb_bridge.management.shell.prompt import HELP, LEAVE, StatementPrompt, command_of
from polardb_bridge.statements.typed import read

_GREETING = f"""PolarDB Bridge {__version__}: statements end with ; or \\g, or with \\G for a value a line.
Type 'help' for help, 'exit' to leave. Tab completes, Ctrl-C drops what is typed or interrupts what runs."""
HELP_TEXT = """  DEPLOY MODEL [IF NOT EXISTS] `Label-Studio`
    WITH (annotation_template_id = '…', annotation_source = '…', deployment_name = '…', …);
  SHOW DEPLOYMENTS [LIKE '…'];
  SHOW DEPLOYMENT `name`;
  SHOW WHITEIPS `model_name`;
  UPDATE WHITEIPS `model_name` WITH (ips = '…');
  DROP DEPLOYMENT [IF EXISTS] `name` [WITH (force = 'true')];"""
# Behind each answer, as the mysql client has it.
_BLANK_LINE = "\n\n"
# As MySQL says it.
_INTERRUPTED = "ERROR 1317 (70100): Query execution was interrupted"


def run(command: BridgeCommand, *, vertical: bool, table: bool) -> None:
    """Run statements as they are typed; like the mysql client, go on after one that fails."""
    prompt = StatementPrompt()
    command.stdout.write(_GREETING, ending=_BLANK_LINE)
    while True:
        is_typing = True
        try:
            text = prompt.ask()
            is_typing = False
            if command_of(text) in LEAVE:
                break
            if command_of(text) in HELP:
                command.stdout.write(HELP_TEXT, ending=_BLANK_LINE)
                continue
            for statement in read(text).statements:
                _run_one(command, statement, vertical=vertical, table=table)
        except EOFError:
            break
        except KeyboardInterrupt as interrupt:
            begin_afresh_after(interrupt)
            if not is_typing:
                command.stderr.write(_INTERRUPTED, ending=_BLANK_LINE)
    command.stdout.write("Bye")


def _run_one(command: BridgeCommand, text: str, *, vertical: bool, table: bool) -> None:
    began = time.monotonic()

    def show(answer: Answer, is_vertical: bool) -> None:
        drawing = statements.drawn(answer, vertical=vertical or is_vertical, table=table)
        took = f" ({time.monotonic() - began:.2f} sec)" if answer.columns else ""
        command.stdout.write(f"{drawing}{took}", ending=_BLANK_LINE)

    try:
        with interruptible():
            statements.run(text, show)
    except BridgeError as error:
        command.stderr.write(str(error), ending=_BLANK_LINE)
    except FAILURES as error:
        advice = as_advice(error)
        if advice is None:
            raise
        command.stderr.write(str(advice), ending=_BLANK_LINE)
