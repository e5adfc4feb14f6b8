"""Names and texts of others in a line of ours: they order neither it nor themselves."""

from __future__ import annotations

import pytest

from polardb_bridge.characters import escaped, isolated


@pytest.mark.parametrize("name", ["photo_1", "my photos", "动物", "café", "צילום", "🐈"])
def test_what_people_see_stays_as_it_is(name: str) -> None:
    assert escaped(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rtl\u202egnp", r"rtl\u202egnp"),
        ("a\nb", r"a\nb"),
        ("a\u200bb", r"a\u200bb"),
        ("a\u3164b", r"a\u3164b"),
        ("a\u00a0b", r"a\xa0b"),
        ("a\U000e0041b", r"a\U000e0041b"),
    ],
)
def test_what_nobody_sees_is_an_escape(name: str, shown: str) -> None:
    assert escaped(name) == shown


@pytest.mark.parametrize("text", ["צילום", "صورة", "a\u202eb", "a\u2066b"])
def test_what_orders_others_is_kept_apart(text: str) -> None:
    assert isolated(text) == f"\u2068{text}\u2069"


@pytest.mark.parametrize("text", ["", "photo 1 (2)", "动物"])
def test_what_orders_nothing_stays_as_it_is(text: str) -> None:
    assert isolated(text) == text
