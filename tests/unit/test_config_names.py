"""Names in labeling configurations match what Label Studio's regular expressions match, if they are ordinary."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polardb_bridge.label_studio.names import NamePattern

PARTS = st.lists(st.text("ab_-1é猫 {}", max_size=3).filter(lambda part: not re.search(r"\{\d", part)), min_size=1)


@given(PARTS, st.text("ab_-1é猫 {}", max_size=8))
def test_ordinary_names_match_as_before(parts: list[str], name: str) -> None:
    pattern = ".*".join(parts)
    assert bool(NamePattern(pattern).fullmatch(name)) == bool(re.compile(pattern).fullmatch(name))
    assert bool(NamePattern(pattern).match(name)) == bool(re.compile(pattern).match(name))


@given(PARTS, st.data())
def test_a_pattern_matches_whatever_stands_for_the_index(parts: list[str], data: st.DataObject) -> None:
    name = parts[0] + "".join(data.draw(st.text("ab_-1", max_size=4)) + part for part in parts[1:])
    assert NamePattern(".*".join(parts)).fullmatch(name)
    assert NamePattern(".*".join(parts)).match(f"{name}rest")


@pytest.mark.parametrize("name", ["label (1)", "a.b", "[x]", "a+", "^$", "(a+)+", "\\d", "(", "a|b"])
def test_a_name_is_what_is_written(name: str) -> None:
    assert NamePattern(name).fullmatch(name)
    assert not NamePattern(name).fullmatch("ab")
    assert not NamePattern(name).fullmatch("aaa")


@pytest.mark.parametrize("pattern", ["a.*" * 50_000 + "b", ".*" * 100_000 + "b", "(a+)+"])
def test_no_pattern_takes_long(pattern: str) -> None:
    started = time.monotonic()
    assert not NamePattern(pattern).fullmatch("a" * 100_000 + "!")
    assert not NamePattern(pattern).match("a" * 100_000 + "!")
    assert time.monotonic() - started < 5
