"""Lists that one column holds: a JSON array of texts, or texts with commas between them."""

from __future__ import annotations

import re

from polardb_bridge.errors import RowError
from polardb_bridge.table.json_values import UnusableJsonError, parse_json

# A task has them all, and the editor a page for each.
MAX_ITEMS = 1000
# Of one list, as the column holds it. Each picture of it that is asked for has the whole of it read.
MAX_LIST_BYTES = 16 * 1024 * 1024
# Not the one of a `data:` URI.
_COMMA = re.compile(r"(?<!;base64),")
_TYPES = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


def items_of(column: str, stored: bytes) -> list[str]:
    """The texts of a list; none if there is nothing. What stands between commas may be empty, and is left out then.

    Raises:
        RowError: it is no list of texts, or too long.
    """
    check_list_size(column, len(stored))
    start = stored.lstrip()[:1]
    if start in (b"[", b"{", b'"') or stored.strip() == b"null":
        items = _of_json(column, stored)
    else:
        try:
            text = stored.decode()
        except UnicodeDecodeError as error:
            raise RowError(f"{column} is not valid text: byte {error.start + 1} is not UTF-8") from None
        items = [item for part in _COMMA.split(text) if (item := part.strip())]
    if len(items) > MAX_ITEMS:
        raise RowError(f"{column} has {len(items):,} items, and a list can have {MAX_ITEMS:,}")
    return items


def check_list_size(column: str, size: int) -> None:
    """Raise RowError if a list takes more bytes than it can have."""
    if size > MAX_LIST_BYTES:
        raise RowError(f"{column} takes {size:,} bytes, and a list can have {MAX_LIST_BYTES:,}")


def _of_json(column: str, stored: bytes) -> list[str]:
    try:
        value = parse_json(stored)
    except UnusableJsonError as error:
        raise RowError(f"{column} {error}") from None
    if value is None:
        return []
    if isinstance(value, str):
        return [value] if value.strip() else []
    if not isinstance(value, list):
        raise RowError(f"{column} is no list, but an object: a JSON array of texts is read, or texts with commas")
    for number, item in enumerate(value, start=1):
        if not isinstance(item, str) or not item.strip():
            what = "is empty" if isinstance(item, str) else f"is {_TYPES[type(item)]}"
            raise RowError(f"{column}, item {number}, {what}: each has to be a text")
    return value
