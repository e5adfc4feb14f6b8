"""Labels are told apart by their colours, by people with any colour vision."""

from __future__ import annotations

import itertools

import pytest
from coloraide import Color

from polardb_bridge.labeling.palette import colour

# Below 2, two colours look alike even side by side; 10 is told apart at a glance.
NORMAL, DEFICIENT = 10.0, 6.0


def nearest(count: int, vision: str | None = None) -> float:
    """How far apart the two most similar of the first colours are, by CIEDE2000."""
    colours = [Color(colour(number)) for number in range(count)]
    seen = [each.filter(vision) if vision else each for each in colours]
    return min(one.delta_e(other, method="2000") for one, other in itertools.combinations(seen, 2))


@pytest.mark.parametrize("count", [2, 5, 10, 20, 32])
def test_any_two_colours_are_told_apart(count: int) -> None:
    assert nearest(count) >= NORMAL


@pytest.mark.parametrize("vision", ["protan", "deutan", "tritan"])
def test_and_with_a_colour_vision_deficiency(vision: str) -> None:
    assert nearest(20, vision) >= DEFICIENT


def test_more_labels_have_colours_too() -> None:
    assert colour(1000) == colour(1000 % 32)
