"""What is said of an image that cannot be labeled."""

from __future__ import annotations

from polardb_bridge.errors import RowError


def damaged(problem: str) -> RowError:
    """Something in the file is wrong, or its end is missing."""
    return RowError(f"the image is damaged or truncated ({problem})")


def without_all_pixels() -> RowError:
    """The end of the file is missing."""
    return RowError("the image is damaged or truncated (pixels are missing at its end)")


def not_shown(kind: str, instead: str) -> RowError:
    """Browsers do not show this kind; what to do instead."""
    return RowError(f"browsers do not show {kind}; {instead}")
