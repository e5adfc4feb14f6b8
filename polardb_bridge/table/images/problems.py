"""What is said of an image that cannot be labeled."""

from __future__ import annotations

from polardb_bridge.errors import RowError


class DamagedError(Exception):
    """Something in the file is wrong, or its end is missing; says what. `decode` makes it the row's error."""


def without_all_pixels() -> DamagedError:
    """The end of the file is missing."""
    return DamagedError("pixels are missing at its end")


def without_pixels_inside() -> DamagedError:
    """A part between the start and the end of the file is missing."""
    return DamagedError("pixels are missing inside of it")


def not_shown(kind: str, instead: str) -> RowError:
    """Browsers do not show this kind; what to do instead."""
    return RowError(f"browsers do not show {kind}; {instead}")
