"""What is shown above a row's picture: its name, or its key."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.text import utf8


def name_column(table: sa.Table) -> sa.ColumnElement[Any]:
    """What is shown above a row's picture, in UTF-8; NULL where nobody has promised one: `name_or_key` knows."""
    return utf8(table.c.original_name) if "original_name" in table.c else sa.null()


def name_or_key(table: sa.Table, name: bytes | None, key: Key) -> bytes | None:
    """A name as `name_column` has read it; the row's key in its place where nobody has promised one."""
    if name is not None or mapping_of(table).is_documented:
        return name
    return str(key).encode(errors="backslashreplace")


def name_problem(name: bytes | None) -> str:
    """Why a name that cannot be shown is none."""
    problem = "original_name has a NUL character"
    if name is None:
        problem = "original_name is NULL"
    else:
        try:
            name.decode()
        except UnicodeDecodeError as error:
            problem = f"original_name is not valid text: byte {error.start + 1} is not UTF-8"
    return problem
