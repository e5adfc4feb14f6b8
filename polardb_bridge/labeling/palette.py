"""The colours of labels: distinct for everybody, those with a colour vision deficiency too."""

from __future__ import annotations

# Each is as far as possible from those before it, by CIEDE2000, seen with normal, protan, deutan and tritan vision, out
# of medium light and saturated ones. Any two of the first 20 are 15 apart, and of all 11 (tests/unit/test_palette.py).
_COLOURS = (
    *("#1f74a6", "#a2f34d", "#cb1028", "#f2c9e7", "#b89b78", "#62405a", "#0ca4a0", "#3b04d5", "#9d8efe", "#587757"),
    *("#28e5b1", "#db6b25", "#9c6f7c", "#9a40fd", "#b9b861", "#3e4588", "#8f0d35", "#fb85c4", "#c53cac", "#6dbcf2"),
    *("#556508", "#dd2d5c", "#306573", "#b08376", "#9ad2c6", "#47a74a", "#cee38f", "#af6fd5", "#8322af", "#e6baa4"),
    *("#945385", "#75abb9"),
)


def colour(number: int) -> str:
    """The colour of a label, `#rrggbb`, by its number from 0; after 32 labels they come again."""
    return _COLOURS[number % len(_COLOURS)]
