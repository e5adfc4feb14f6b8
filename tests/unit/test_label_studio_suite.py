"""The comparison behind `make test-label-studio`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from label_studio_suite.outcomes import Difference, Outcome, Record, compare, read_record

TEST = "tests/a.py::test_a[x-1]"


def record_of(tmp_path: Path, *lines: Mapping[str, object], unfinished: str = "") -> Record:
    file = tmp_path / "record.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + unfinished, encoding="utf-8")
    return read_record(file)


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ({"setup": "passed", "call": "passed", "teardown": "passed"}, "passed"),
        ({"setup": "passed", "call": "skipped", "teardown": "passed"}, "skipped"),
        ({"setup": "skipped", "teardown": "passed"}, "skipped"),
        ({"setup": "passed", "call": "failed", "teardown": "passed"}, "failed"),
        ({"setup": "failed", "teardown": "passed"}, "error"),
        ({"setup": "passed", "call": "passed", "teardown": "failed"}, "error"),
    ],
)
def test_a_test_ends_as_its_phases_do(tmp_path: Path, phases: dict[str, str], outcome: Outcome) -> None:
    lines = [{"test": TEST, "when": when, "outcome": ended, "message": ""} for when, ended in phases.items()]
    record = record_of(tmp_path, {"collected": 7}, *lines, unfinished='{"test": "tests/')
    assert (record.collected, record.outcomes, record.ended) == (7, {TEST: outcome}, None)
    assert record_of(tmp_path, {"collected": 7}, *lines, {"ended": 1}).ended == 1


def test_folders_of_a_run_are_not_in_the_ids_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("label_studio_sdk")
    from label_studio_suite.recorder import steady_id

    ids = []
    for folder in ("/tmp/a/ours", "/tmp/a/stock"):  # noqa: S108  only names
        monkeypatch.setenv("TMPDIR", folder)
        backslashed = folder.replace("/", "\\\\")
        ids.append(steady_id(f"tests/a.py::test_a[{folder}/x-{backslashed}\\\\y]"))
    assert ids[0] == ids[1]


def test_nothing_differs_and_nothing_is_listed() -> None:
    assert compare({TEST: "passed"}, {TEST: "passed"}, []).is_as_listed


def test_a_difference_must_be_listed_as_it_is() -> None:
    stock: dict[str, Outcome] = {TEST: "passed"}
    ours: dict[str, Outcome] = {TEST: "failed"}
    assert compare(stock, ours, []).unlisted == ((TEST, "passed", "failed"),)
    assert compare(stock, {}, []).unlisted == ((TEST, "passed", "missing"),)
    assert compare(stock, ours, [Difference(TEST, "failed", "a reason")]).listed == (TEST,)
    assert compare(stock, ours, [Difference(TEST, "error", "a reason")]).agreeing == ((TEST, "passed", "failed"),)


def test_an_entry_must_differ_in_all_that_it_matches() -> None:
    other = "tests/a.py::test_a[y-2]"
    entry = Difference("tests/a.py::test_a[*]", "failed", "a reason")
    comparison = compare({TEST: "passed", other: "passed"}, {TEST: "failed", other: "passed"}, [entry])
    assert comparison.agreeing == ((other, "passed", "passed"),)
    assert not comparison.is_as_listed


def test_an_entry_must_match_a_test() -> None:
    entry = Difference("tests/b.py::test_b", "failed", "a reason")
    assert compare({TEST: "passed"}, {TEST: "passed"}, [entry]).stale == ("tests/b.py::test_b",)
