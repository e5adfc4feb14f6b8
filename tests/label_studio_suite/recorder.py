"""The pytest plugin that both runs load: it records how each test ends, as lines of JSON, while they run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import label_studio_sdk
import pytest

from label_studio_suite.outcomes import CHOICE_VARIABLE, RECORD_VARIABLE

if TYPE_CHECKING:
    from label_studio_suite.outcomes import Line

# The SDK imports its parts on first use. Some tests stop the clock (freezegun), and whatever of the SDK is imported
# meanwhile fails on the stopped clock's types: how these tests end would depend on those that ran before.
for name in dir(label_studio_sdk):
    getattr(label_studio_sdk, name)


class Recorder:
    """Writes a line for the number of tests, one for each phase (setup, call, teardown) of each, and one at the end."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, line: Line) -> None:
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.write({"collected": len(session.items)})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        crash = getattr(report.longrepr, "reprcrash", None)
        message = (crash.message if crash else report.longreprtext) if report.failed else ""
        self.write(
            {"test": steady_id(report.nodeid), "when": report.when, "outcome": report.outcome, "message": message}
        )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.write({"ended": int(exitstatus)})


def steady_id(test: str) -> str:
    """The id of a test without the folder for temporary files, which some have among their parameters.

    Each run has a folder of its own; pytest writes a backslash as two.
    """
    folder = os.environ["TMPDIR"]
    return test.replace(folder, "TMPDIR").replace(folder.replace("/", "\\\\"), "TMPDIR")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Not as arguments: pytest does not find every id that it reports, and ends if one is not found.
    choice = Path(os.environ[CHOICE_VARIABLE])
    if choice.exists():
        chosen = set(json.loads(choice.read_text(encoding="utf-8")))
        items[:] = [item for item in items if steady_id(item.nodeid) in chosen]


def pytest_configure(config: pytest.Config) -> None:
    file = open(os.environ[RECORD_VARIABLE], "w", encoding="utf-8")  # noqa: PTH123, SIM115  # open until the process ends
    config.pluginmanager.register(Recorder(file))
