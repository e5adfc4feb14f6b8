"""Where results go within a row: a column for each role of a result."""

from __future__ import annotations

import re

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.text import one_by_one, unquoted

# What results are made of, each in a column of its own. The first is the result itself; the last, its only label.
RESULT_ROLES = (
    "annotation_data",
    "annotation_count",
    "annotation_uid",
    "annotation_create_at",
    "annotation_update_at",
    "label",
)
_RESULT = re.compile(r"(\w+)\s*=\s*(?:`((?:[^`]|``)+)`|([^`,=]*[^`,=\s]))\s*(?:,\s*|$)")


def parse_results(text: str) -> dict[str, str]:
    """Read `role=column, role=column`; a column whose name has a comma or the like stands in backticks.

    Raises:
        InvalidInputError: it is something else, or a role is none of RESULT_ROLES.
    """
    results: dict[str, str] = {}
    for found in one_by_one(_RESULT, text):
        if not found or found[1] in results:
            raise InvalidInputError(
                f"{text!r} does not say where results go: write role=column, such as annotation_data=answer, and each "
                "role once.",
                field="mapping",
            )
        check_role(found[1])
        results[found[1]] = unquoted(found[2], found[3])
    return results


def check_role(role: str) -> None:
    """Raise InvalidInputError unless `role` is one of RESULT_ROLES."""
    if role not in RESULT_ROLES:
        raise InvalidInputError(
            f"{role!r} is nothing that results have. Columns can be named for: {', '.join(RESULT_ROLES)}.",
            field="mapping",
        )
