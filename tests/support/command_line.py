"""The command line within the process of the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from polardb_bridge import cli


@contextmanager
def own_environment() -> Iterator[None]:
    """The demo changes the environment of its process; other tests start processes with theirs."""
    before = dict(os.environ)
    for name in ("PORT", "WEB_CONCURRENCY", "THREADS", "POLARDB_TLS_CA"):
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code, and what the command said about it."""
    code = cli.main(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return code, captured.err
