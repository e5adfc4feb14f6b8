"""What tells the rows of a table apart: a column, or several, of integers, text, bytes, numbers or times.

A row is known by one value. A single column of integers is the number itself. Everything else is a text, of which each
stands for one value of its columns: text as it is; bytes as lower-case hexadecimal digits; decimals, times and UUIDs as
the server writes them. Several columns are a compact JSON list of what each would be alone, such as `[3,"a-7"]`.

Which keys are the same, the server says: in most collations 'abc' finds 'ABC'. Nothing here compares texts by rules of
its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.text import one_by_one, quoted, unquoted

Key: TypeAlias = int | str
# Of a key as text: our database has an index on it.
MAX_KEY_LENGTH = 512
# Our database holds integers of 64 bits with a sign, as all of Label Studio's are.
MAX_INTEGER_KEY = 2**63 - 1
# How a key's first column is called in the tables of `schema.source_table`; the others have a number after it.
KEY_ROLE = "id"
# A column's name, in backticks if it has a comma or a backtick.
_COLUMN = re.compile(r"\s*(?:`((?:[^`]|``)+)`|([^`,]*[^`,\s]))\s*(?:,|$)", re.DOTALL)
# What is shown of a key as it is.
_PLAIN = re.compile(r"[\w.:+/@-]+")
_SHOWN = re.compile(rf"row ({_PLAIN.pattern}) ")


class KeyKind(str, Enum):
    """What the values of a key's column are."""

    INTEGER = "integer"
    TEXT = "text"
    BYTES = "bytes"
    DECIMAL = "decimal"
    WRITTEN = "written"  # as the server writes it: times, UUIDs


_KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint", "year"), KeyKind.INTEGER),
    **dict.fromkeys(("char", "varchar"), KeyKind.TEXT),
    **dict.fromkeys(("binary", "varbinary"), KeyKind.BYTES),
    **dict.fromkeys(("date", "datetime", "timestamp", "time", "uuid"), KeyKind.WRITTEN),
    "decimal": KeyKind.DECIMAL,
}


# Of these, no index is needed where no index tells rows apart: what functions give is often one.
_UNGUARDED_KINDS = {**_KINDS, **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext"), KeyKind.TEXT)}


def kind_of(column_type: str, *, is_guarded: bool = True) -> KeyKind | None:
    """Of a type by its name in the server's catalogue; None if no key can be made of it."""
    return (_KINDS if is_guarded else _UNGUARDED_KINDS).get(column_type)


def types_of(kind: KeyKind, *, is_guarded: bool = True) -> set[str]:
    return {name for name, each in (_KINDS if is_guarded else _UNGUARDED_KINDS).items() if each is kind}


def _part_of_text(value: Any) -> str:
    # Surrogates stand for bytes that are no character; `problem_of` finds them.
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


# By kind: what of a key stands for a value that the driver gives, and the value to ask the server for.
READ: dict[KeyKind, Callable[[Any], Key]] = {
    KeyKind.INTEGER: int,
    KeyKind.TEXT: _part_of_text,
    KeyKind.BYTES: bytes.hex,
    KeyKind.DECIMAL: lambda value: format(value, "f"),
    KeyKind.WRITTEN: _part_of_text,
}
BOUND: dict[KeyKind, Callable[[Any], Any]] = {
    KeyKind.INTEGER: int,
    KeyKind.TEXT: str,
    KeyKind.BYTES: bytes.fromhex,
    KeyKind.DECIMAL: Decimal,  # beside a text, the server would compare floating-point numbers
    KeyKind.WRITTEN: str,
}


def problem_of(key: Key) -> str:
    """Why a row of this key cannot be a task; empty if it can."""
    problem = ""
    if isinstance(key, int):
        if key > MAX_INTEGER_KEY:
            problem = f"the id is larger than {MAX_INTEGER_KEY}, which Label Studio's database cannot hold"
    elif not is_text(key):
        problem = "the key is not valid text"
    elif "\x00" in key:
        problem = "the key has a NUL character"
    elif len(key) > MAX_KEY_LENGTH:
        problem = f"the key takes {len(key)} characters, and at most {MAX_KEY_LENGTH} can be kept"
    return problem


def is_text(key: Key) -> bool:
    """Whether the server can be asked for it again."""
    try:
        str(key).encode()
    except UnicodeEncodeError:
        return False
    return True


def order_of(key: Key) -> tuple[int, str]:
    """To sort keys of one table by: not in the order of the table, but always the same."""
    return (key, "") if isinstance(key, int) else (0, key)


def shown_key(key: Key) -> str:
    """A key in a message: in quotes unless it is a word, and without what cannot be printed."""
    text = str(key)
    if _PLAIN.fullmatch(text) or (text.isprintable() and _is_list(text)):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _is_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


def parse_shown(line: str) -> tuple[str, str] | None:
    """The key of a line that begins with `row ` and what `shown_key` gave, and what stands behind it."""
    if found := _SHOWN.match(line):
        return found[1], line[found.end() :]
    if not line.startswith(('row "', "row [")):
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(line, len("row "))
    except ValueError:
        return None
    key = value if isinstance(value, str) else line[len("row ") : end]
    return key, line[end:].lstrip(" ")


def key_roles(kinds: Sequence[KeyKind]) -> list[str]:
    """How the columns of a key are called in tables, in their order."""
    return [KEY_ROLE if number == 1 else f"{KEY_ROLE}_{number}" for number in range(1, len(kinds) + 1)]


def parse_columns(text: str) -> tuple[str, ...]:
    """Read `tenant_id, id`; a column whose name has a comma stands in backticks.

    Raises:
        InvalidInputError: it names no columns.
    """
    found = list(one_by_one(_COLUMN, text))
    if not found or None in found or text.rstrip().endswith(","):
        raise InvalidInputError(
            f"{text!r} does not name the columns of a key: write one, or several with commas, such as tenant_id,id.",
            field="mapping",
        )
    return tuple(unquoted(each[1], each[2]) for each in found if each)


def typed_columns(names: Sequence[str]) -> str:
    """What `parse_columns` reads."""
    return ",".join(quoted(name) if {",", "`"} & {*name} else name for name in names)


def key_to_json(names: Sequence[str]) -> str | list[str]:
    """The columns of a key as a mapping's JSON has them: a text, or a list."""
    return list(names) if len(names) > 1 or typed_columns(names) != names[0] else names[0]


def key_from_json(value: Any) -> tuple[str, ...] | None:
    """What `key_to_json` gave, or a text for `parse_columns`; None for what is empty.

    Raises:
        InvalidInputError: it is something else.
    """
    names = value if isinstance(value, list) else [value or ""]
    if not all(isinstance(name, str) for name in names):
        raise InvalidInputError("The 'key' of a mapping is the name of a column, or a list of names.", field="mapping")
    if isinstance(value, list):
        return tuple(value) or None
    return parse_columns(value) if value else None
