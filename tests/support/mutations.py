"""Images that were changed at random, read as rows are."""

from __future__ import annotations

import base64
import time
from collections import Counter
from random import Random

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.decode import data_uri, decode_image
from support.images import ODD, WHOLE, mutated, photo

MAX_SECONDS = 5.0


def read_mutations(seed: int, count: int) -> Counter[str]:
    """Read `count` images; by kind and outcome, how many. Whatever is raised but RowError comes out."""
    chance = Random(seed)  # noqa: S311  no secret
    seeds = {**WHOLE, **ODD, "TIFF": photo("TIFF"), "TIFF, packed": photo("TIFF", compression="tiff_lzw")}
    outcomes: Counter[str] = Counter()
    for _ in range(count):
        name = chance.choice(list(seeds))
        text = base64.b64encode(mutated(seeds[name], chance)).decode()
        began = time.process_time()
        try:
            decoded = decode_image(text)
            assert base64.b64decode(data_uri(text).partition(",")[2]) == decoded.data
            outcomes[f"{name}: read"] += 1
        except RowError:
            outcomes[f"{name}: refused"] += 1
        assert time.process_time() - began < MAX_SECONDS, f"seed {seed}: {name} took too long"
    return outcomes
