"""Commands, from their argparse parsers."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import pkgutil
from contextlib import redirect_stdout, suppress
from importlib.metadata import distribution

from django.core.management.base import BaseCommand

from docs.generate.texts import Texts, code, table
from polardb_bridge.management import commands as package

PROGRAM = "polardb-bridge manage"
CONSOLE_COMMANDS = ("demo", "start")
_WIDTH = 100


def page(texts: Texts) -> str:
    """A section for each management command of ours."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return "".join(_section(name, summary, texts) for name, summary in texts.of("commands", names).items())


def console(texts: Texts) -> str:
    """The help of the console script, as it prints it."""
    os.environ["COLUMNS"] = str(_WIDTH)
    scripts = [e for e in distribution("polardb-bridge").entry_points if e.group == "console_scripts"]
    sections = []
    for script in scripts:
        for command, summary in texts.of("console", CONSOLE_COMMANDS).items():
            printed = io.StringIO()
            with redirect_stdout(printed), suppress(SystemExit):
                script.load()([command, "--help"])
            sections.append(f"## `{script.name} {command}`\n\n{summary}\n\n```text\n{printed.getvalue()}```\n\n")
    return "".join(sections)


def _section(name: str, summary: str, texts: Texts) -> str:
    command = importlib.import_module(f"{package.__name__}.{name}").Command()
    parser = command.create_parser(PROGRAM, name)
    common = {action.dest for action in BaseCommand().create_parser(PROGRAM, name)._actions}
    actions = [action for action in parser._actions if action.dest not in common]
    description, _, example = command.help.partition("Example: ")
    formatter = argparse.HelpFormatter(f"{PROGRAM} {name}", width=_WIDTH)
    formatter.add_usage(None, actions, parser._mutually_exclusive_groups, prefix="")
    heads = [texts.word(word) for word in ("option", "meaning")]
    rows = [(code(_invocation(action)), _help(formatter, action)) for action in actions]
    return (
        f"## `{name}`\n\n{summary}\n\n{description.strip()}\n\n"
        f"```text\n{formatter.format_help().strip()}\n```\n\n"
        + (table(heads, rows) if rows else "")
        + (f"{texts.word('example')}\n\n```sh\n{PROGRAM} {example}\n```\n\n" if example else "")
    )


def _invocation(action: argparse.Action) -> str:
    """`--source NAME`, `DIR` or `--json`."""
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if not action.option_strings:
        return str(value)
    return action.option_strings[-1] + ("" if action.nargs == 0 else f" {value}")


def _help(formatter: argparse.HelpFormatter, action: argparse.Action) -> str:
    text = formatter._expand_help(action)
    return text[:1].upper() + text[1:]
