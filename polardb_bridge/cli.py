"""The console script `polardb-bridge`.

    polardb-bridge demo      photos in a table of a private MariaDB, and Label Studio to label them
    polardb-bridge start     Label Studio with this package, for people to use
    polardb-bridge manage …  Label Studio's management commands, and ours

Exits with 2 if the command line is wrong, and with 1 and one line on standard error if the command fails. Nothing but
the standard library is imported before a command needs it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from polardb_bridge import __version__, serving
from polardb_bridge.errors import BridgeError, ReconfigureError
from polardb_bridge.serving import Address

SETTINGS = "polardb_bridge.settings"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        # Before the parser sees them: `manage --help` and all other options belong to Django.
        if arguments and arguments[0] == "manage":
            return manage(["polardb-bridge manage", *arguments[1:]])
        options = parse(arguments)
        if options.command == "start":
            return start(options)
        return demo(options)
    except BridgeError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"{error.filename}: {reason}" if error.filename else reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def manage(arguments: Sequence[str]) -> int:
    """Run a management command; the first argument is the name of the program, for its help."""
    with label_studio_settings():
        from django.core.management import execute_from_command_line

        execute_from_command_line(list(arguments))
    return 0


def start(options: argparse.Namespace) -> int:
    """Serve; returns only if that fails."""
    with label_studio_settings():
        serving.start(Address(options.bind, options.port), workers=options.workers, threads=options.threads)


def demo(options: argparse.Namespace) -> int:
    """Run the demo until Ctrl-C, or remove it."""
    from polardb_bridge.demo import demo

    if options.remove:
        demo.remove(options.folder)
    else:
        with label_studio_settings():
            demo.run(options.folder, Address(options.bind, options.port))
    return 0


@contextmanager
def label_studio_settings() -> Iterator[None]:
    """Our settings, unless the environment names others that extend them.

    Raises:
        ReconfigureError: a command failed, a setting cannot be read or loaded, or Label Studio's own database cannot be
            used.
    """
    if not os.environ.get("DJANGO_SETTINGS_MODULE", "").strip():
        os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    from django.apps import apps
    from django.conf import settings
    from django.core.management import CommandError

    from polardb_bridge.databases.failures import FAILURES, as_advice

    try:
        yield
    except (ImportError, TypeError, ValueError) as error:
        if isinstance(error, ValueError) and not apps.ready and (variables := _variables_named_by(error)):
            raise ReconfigureError(f"{variables} cannot be read: {error.__cause__ or error}. Correct it.") from None
        if settings.configured:
            raise
        # A module's name that begins with a dot is a TypeError or ValueError.
        name = os.environ["DJANGO_SETTINGS_MODULE"]
        if isinstance(error, ImportError) or name.startswith("."):
            raise ReconfigureError(f"DJANGO_SETTINGS_MODULE: {name} cannot be imported: {error}") from None
        raise
    except CommandError as error:
        raise ReconfigureError(str(error)) from None
    except FAILURES as error:
        advice = as_advice(error)
        if advice is None:
            raise
        raise advice from None


def _variables_named_by(error: BaseException) -> str:
    """Which variables have the value that the error complains about; settings of Label Studio's say only the value."""
    said = f"{error} {error.__cause__}"
    variables = [each for each in os.environ.items() if each[0] != "DJANGO_SETTINGS_MODULE"]
    return " or ".join(sorted(name for name, value in variables if value and repr(value) in said))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options; defaults come from the environment.

    Raises:
        SystemExit: 2 if they are wrong, 0 after `--help` and `--version`.
    """
    parser = argparse.ArgumentParser(
        prog="polardb-bridge", description="Label tables of PolarDB, MySQL and MariaDB in Label Studio."
    )
    parser.add_argument("--version", action="version", version=f"polardb-bridge {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="demo|start|manage")

    trial = commands.add_parser(
        "demo",
        help="try it: photos in a table, and Label Studio to label them",
        description="Puts photos into a table of a private MariaDB (or of the database of POLARDB_URL), makes a "
        "project for them and starts Label Studio. Ctrl-C stops all; the next run goes on where this one stopped.",
    )
    _add_address(trial)
    trial.add_argument(
        "--folder", type=Path, default=Path(".demo"), metavar="DIR", help="where it keeps everything (default: .demo)"
    )
    trial.add_argument("--remove", action="store_true", help="delete what a demo has put into that folder")

    service = commands.add_parser(
        "start",
        help="serve Label Studio",
        description="Brings Label Studio's database up to date, makes the administrator of LABEL_STUDIO_USERNAME and "
        "LABEL_STUDIO_PASSWORD if they are set, and serves.",
    )
    _add_address(service)
    for name, variable, default, meaning in (
        ("--workers", "WEB_CONCURRENCY", 2, "processes"),
        ("--threads", "THREADS", 8, "requests that each process answers at a time"),
    ):
        service.add_argument(
            name,
            type=_count,
            default=os.environ.get(variable) or default,
            metavar="N",
            help=f"{meaning} (default: {variable}, or {default})",
        )

    # For the help only; `main` takes the command before it gets here.
    commands.add_parser("manage", add_help=False, help="management commands: see `polardb-bridge manage help`")
    return parser.parse_args(arguments)


def _add_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bind", default="127.0.0.1", metavar="ADDRESS", help="0.0.0.0 for all networks (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=_port, default=os.environ.get("PORT") or 8080, metavar="N", help="(default: PORT, or 8080)"
    )


def _port(text: str) -> int:
    port = _count(text)
    if port > 65535:
        raise argparse.ArgumentTypeError("ports end at 65535")
    return port


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1")
    return int(text)
