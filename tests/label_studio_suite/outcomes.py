"""How the tests of one run ended, and what of it differs from another run's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

# What tells recorder.py, in the environment of a run, which file to write, and which file has the ids of the tests to
# run, as a list in JSON: all if there is no such file.
RECORD_VARIABLE = "LABEL_STUDIO_SUITE_RECORD"
CHOICE_VARIABLE = "LABEL_STUDIO_SUITE_CHOICE"

Outcome = Literal["passed", "skipped", "failed", "error", "missing"]


class Line(TypedDict, total=False):
    """What recorder.py writes: the number of tests, how a phase (setup, call, teardown) of one ended, how all did."""

    collected: int
    ended: int
    test: str
    when: str
    outcome: Literal["passed", "failed", "skipped"]
    message: str


@dataclass
class Record:
    """How far a run is.

    collected: how many tests there are, None before that is known. ended: pytest's exit code, None before its end.
    messages: of what failed, by test.
    """

    collected: int | None = None
    ended: int | None = None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def count(self, outcome: Outcome) -> int:
        return sum(found == outcome for found in self.outcomes.values())


def read_record(file: Path) -> Record:
    """Read what recorder.py has written so far."""
    record = Record()
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for text_line in text.splitlines(keepends=True):
        if not text_line.endswith("\n"):
            break  # it is being written
        line: Line = json.loads(text_line)
        if "collected" in line:
            record.collected = line["collected"]
            continue
        if "ended" in line:
            record.ended = line["ended"]
            continue
        test, outcome = line["test"], line["outcome"]
        if outcome == "failed":
            record.outcomes[test] = "failed" if line["when"] == "call" else "error"
            record.messages[test] = line["message"]
        elif outcome == "skipped" or test not in record.outcomes:
            record.outcomes[test] = outcome
    return record


@dataclass(frozen=True)
class Difference:
    """Tests that end otherwise under our settings, and why that is right.

    tests: a test's id, or a pattern with `*` for any text; all that it matches end in `ours`, whatever they do stock.
    """

    tests: str
    ours: Outcome
    reason: str

    def matches(self, test: str) -> bool:
        return bool(re.fullmatch(".*".join(map(re.escape, self.tests.split("*"))), test, re.DOTALL))


@dataclass(frozen=True)
class Comparison:
    """listed: tests whose difference is listed. unlisted: those whose difference is not, with both outcomes.

    stale: entries that match no test. agreeing: tests that are listed and end as they do stock, or not as listed.
    """

    listed: tuple[str, ...]
    unlisted: tuple[tuple[str, Outcome, Outcome], ...]
    agreeing: tuple[tuple[str, Outcome, Outcome], ...]
    stale: tuple[str, ...]

    @property
    def tests_in_doubt(self) -> tuple[str, ...]:
        return tuple(test for test, _, _ in (*self.unlisted, *self.agreeing))

    @property
    def is_as_listed(self) -> bool:
        return not (self.unlisted or self.agreeing or self.stale)


def compare(stock: Mapping[str, Outcome], ours: Mapping[str, Outcome], listed: Sequence[Difference]) -> Comparison:
    """Compare the outcomes of two runs of the same tests, by test id."""
    as_listed: list[str] = []
    unlisted: list[tuple[str, Outcome, Outcome]] = []
    agreeing: list[tuple[str, Outcome, Outcome]] = []
    for test in sorted({*stock, *ours}):
        outcomes = stock.get(test, "missing"), ours.get(test, "missing")
        expected = _expected(test, listed)
        if expected is None:
            if outcomes[0] != outcomes[1]:
                unlisted.append((test, *outcomes))
        elif outcomes[0] != outcomes[1] == expected:
            as_listed.append(test)
        else:
            agreeing.append((test, *outcomes))
    stale = [entry.tests for entry in listed if not any(map(entry.matches, stock))]
    return Comparison(tuple(as_listed), tuple(unlisted), tuple(agreeing), tuple(stale))


def _expected(test: str, listed: Iterable[Difference]) -> Outcome | None:
    return next((entry.ours for entry in listed if entry.matches(test)), None)
