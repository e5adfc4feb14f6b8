"""Run Label Studio's tests under both settings at once, and compare.

usage: PYTHONPATH=tests .venv-label-studio/bin/python -m label_studio_suite [PYTEST ARGUMENT]…

Arguments choose tests, as `tests/jwt_auth` or `-k blacklist` do; paths are relative to Label Studio's package. With
TEST_DATABASE=postgresql, Label Studio is on a private PostgreSQL; on SQLite otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dev.servers import PostgreSQL
from label_studio_suite.differences import DIFFERENCES
from label_studio_suite.outcomes import CHOICE_VARIABLE, RECORD_VARIABLE, Comparison, Record, compare, read_record
from polardb_bridge.label_studio.settings import package_folder

SETTINGS = {"stock": "core.settings.label_studio", "ours": "polardb_bridge.settings"}
PROGRESS_INTERVAL_S = 0.5
# For a log, which no bar can be drawn into.
PLAIN_PROGRESS_INTERVAL_S = 30.0
TEST_TIMEOUT_S = 300
CHOICE_FILE = "choice.json"

console = Console(soft_wrap=True)


@dataclass(frozen=True)
class Run:
    """One run of pytest, in a folder of its own for the data, the temporary files and what it prints."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return self.folder / "pytest.log"

    def record(self) -> Record:
        return read_record(self.folder / "record.jsonl")


def start(name: str, folder: Path, arguments: Sequence[str], database: dict[str, str]) -> Run:
    folder.mkdir()
    (folder / "tmp").mkdir()
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written into Label Studio's folder
        "TMPDIR": str(folder / "tmp"),  # its tests use fixed names there
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "SECRET_KEY": "only-for-tests",
        "DISABLE_SIGNUP_WITHOUT_LINK": "false",  # its tests sign up, which ours closes unless told otherwise
        RECORD_VARIABLE: str(folder / "record.jsonl"),
        CHOICE_VARIABLE: str(folder.parent / CHOICE_FILE),
    }
    command = [sys.executable, "-m", "pytest", f"--ds={SETTINGS[name]}", "-p", "label_studio_suite.recorder"]
    command += ["-p", "no:cacheprovider", f"--timeout={TEST_TIMEOUT_S}", "-q", *arguments]
    with (folder / "pytest.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=package_folder(), env=environment | database, stdout=log, stderr=subprocess.STDOUT
        )
    return Run(name, folder, process)


def run_both(
    folder: Path, arguments: Sequence[str], server: PostgreSQL | None, choice: Sequence[str] = ()
) -> dict[str, Record]:
    """Run the tests under both settings at once, and tell how they ended. choice: ids of those to run, all if empty.

    Raises:
        SystemExit: a run ended otherwise than by having run its tests.
    """
    folder.mkdir()
    if choice:
        (folder / CHOICE_FILE).write_text(json.dumps(choice), encoding="utf-8")
    runs = [start(name, folder / name, arguments, _database(server, name)) for name in SETTINGS]
    try:
        _follow(runs)
    finally:
        for run in runs:
            run.process.kill()
            run.process.wait()
    for run in runs:
        # Not the code of the process: threads of a test's server can abort the interpreter after pytest's end.
        if run.record().ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            console.print(_tail(run.log), markup=False, highlight=False)
            sys.exit(f"{run.name}: pytest did not end well (code {run.process.returncode}); see {run.log}")
    return {run.name: run.record() for run in runs}


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def _database(server: PostgreSQL | None, name: str) -> dict[str, str]:
    if server is None:
        return {"DJANGO_DB": "sqlite"}
    return {
        "DJANGO_DB": "default",
        "POSTGRE_HOST": "127.0.0.1",
        "POSTGRE_PORT": str(server.port),
        "POSTGRE_USER": "postgres",
        "POSTGRE_NAME": f"label_studio_{name}",
    }


def _follow(runs: Sequence[Run]) -> None:
    """Show how far the runs are, until both have ended."""
    columns = (TextColumn("{task.description:6}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    shown = time.monotonic()
    with Progress(*columns, TextColumn("{task.fields[failed]} failed"), console=console) as progress:
        bars = {run.name: progress.add_task(run.name, total=None, failed=0) for run in runs}
        while any(run.process.poll() is None for run in runs):
            time.sleep(PROGRESS_INTERVAL_S)
            is_due = time.monotonic() - shown >= PLAIN_PROGRESS_INTERVAL_S
            if not console.is_terminal and not is_due:
                continue
            shown = time.monotonic()
            for run in runs:
                record = run.record()
                done, failed = len(record.outcomes), record.count("failed") + record.count("error")
                progress.update(bars[run.name], completed=done, total=record.collected, failed=failed)
                if not console.is_terminal:
                    console.print(f"{run.name}: {done} of {record.collected or '…'} tests, {failed} failed")


@contextmanager
def database_server(folder: Path) -> Iterator[PostgreSQL | None]:
    if os.environ.get("TEST_DATABASE") != "postgresql":
        yield None
        return
    server = PostgreSQL(folder / "postgresql")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def report(records: dict[str, Record], comparison: Comparison, unsteady: Sequence[str]) -> None:
    stock, ours = records["stock"], records["ours"]
    for test, was, is_now in comparison.unlisted:
        console.print(f"\n[red]Not listed[/red]: stock {was}, ours {is_now}: ", end="")
        console.print(test, markup=False, highlight=False)
        console.print(ours.messages.get(test) or stock.messages.get(test) or "", markup=False, highlight=False)
    for test, was, is_now in comparison.agreeing:
        console.print(f"\n[red]Listed, but not so[/red]: stock {was}, ours {is_now}: ", end="")
        console.print(test, markup=False, highlight=False)
    for entry in comparison.stale:
        console.print("\n[red]Listed, but there is no such test[/red]: ", end="")
        console.print(entry, markup=False, highlight=False)
    for test in unsteady:
        console.print("Ended otherwise at the second try: ", test, markup=False, highlight=False)
    vain = len(comparison.agreeing) + len(comparison.stale)
    console.print(
        f"\n{len(stock.outcomes)} tests of Label Studio: {stock.count('passed')} pass stock, "
        f"{ours.count('passed')} under our settings. {len(comparison.listed)} differ as listed, "
        f"{len(comparison.unlisted)} differ unlisted, {vain} are listed in vain."
    )


def main() -> int:
    arguments = sys.argv[1:]
    folder = Path(tempfile.mkdtemp(prefix="polardb-bridge-label-studio-"))
    folder.chmod(0o755)  # PostgreSQL's own user must get through
    with database_server(folder) as server:
        records = run_both(folder / "all", arguments, server)
        listed = DIFFERENCES
        if arguments:
            # A part of the tests: entries for the others are no matter.
            chosen = records["stock"].outcomes
            listed = tuple(entry for entry in DIFFERENCES if any(map(entry.matches, chosen)))
        comparison = compare(records["stock"].outcomes, records["ours"].outcomes, listed)
        doubted = comparison.tests_in_doubt
        unsteady: list[str] = []
        if doubted:
            # Some of Label Studio's tests depend on the time that they take: those in doubt run again, by themselves.
            console.print(f"{len(doubted)} tests did not end as expected; they run once more.")
            again = run_both(folder / "again", arguments, server, doubted)
            for name, record in records.items():
                record.outcomes |= again[name].outcomes
                record.messages |= again[name].messages
            comparison = compare(records["stock"].outcomes, records["ours"].outcomes, listed)
            unsteady = sorted({*doubted} - {*comparison.tests_in_doubt})
    report(records, comparison, unsteady)
    if not comparison.is_as_listed:
        console.print(f"What the tests printed: {folder}/*/*/pytest.log")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
