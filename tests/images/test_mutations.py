"""50,000 images that were changed at random (`make test-images`)."""

from __future__ import annotations

import resource

import pytest

from support.mutations import read_mutations

PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_images_are_read_or_refused(part: int, testrun_uid: str) -> None:
    """Other ones at every run: the seed is in the message."""
    seed = hash((testrun_uid, part))
    outcomes = read_mutations(seed, 50_000 // PARTS)
    assert sum(outcomes.values()) == 50_000 // PARTS
    kinds = {name.split(":")[0] for name in outcomes}
    assert len(kinds) > 20, f"seed {seed}: {kinds}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_500_000, f"seed {seed}"  # kB, with all libraries
