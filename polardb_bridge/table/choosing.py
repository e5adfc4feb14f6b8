"""A mapping for a table as it is: what somebody has asked for, and the rest as the server's catalogue suggests it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from polardb_bridge.characters import escaped
from polardb_bridge.choices import FieldKind, VersionKind
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.asked_mapping import DIGEST, NOTHING_ASKED, AskedMapping, is_plain_name
from polardb_bridge.table.columns import TIMES
from polardb_bridge.table.fields import UTC, Field, columns_of, pictures_in
from polardb_bridge.table.found import FoundTable
from polardb_bridge.table.keys import KeyKind, kind_of
from polardb_bridge.table.mapping import DOCUMENTED, TableMapping
from polardb_bridge.table.result_columns import RESULT_ROLES
from polardb_bridge.table.sql import check_condition


def complete(asked: AskedMapping, found: FoundTable) -> TableMapping:
    """The mapping of `found`: columns that nobody has named are those of the documented names, where there are any.

    Raises:
        InvalidInputError: nothing tells the key or what to label; says which columns there are.
    """
    key, kinds = _key(asked.key or found.key, found)
    data = asked.data
    if data is None and found.column("base64_data"):
        data = DOCUMENTED.data
    if data is None:
        example = "--map image=photo:bytes, or map = 'text=body:text'"
        raise _choose(found, "data", "the columns that tasks show, and what they hold", example)
    data = {field: read.each(partial(_with_zone, found)) for field, read in data.items()}
    taken = {
        *(name.lower() for name in key),
        *(source.column.lower() for sources in pictures_in(data).values() for source in sources),
    }
    name, results = asked.name, dict(asked.results or {})
    if name is None:
        name = _there(found, DOCUMENTED.name, taken)
    taken |= {name.lower()}
    version, version_kind = _version(asked.version, found, taken)
    taken |= {(version or "").lower()}
    unread = taken | {column.lower() for column in columns_of(data)}
    # A column that is called `label` may hold anything.
    for role in () if found.is_view else DOCUMENTED.results:
        if role not in results and (column_name := _there(found, role, unread)):
            results[role] = column_name
    used = taken | {column_name.lower() for column_name in results.values()}
    return TableMapping(
        key=key[0] if len(key) == 1 else key,
        kinds=kinds,
        data=data,
        name=name or None,
        version=version,
        version_kind=version_kind,
        results={role: results[role] for role in RESULT_ROLES if role in results},
        held=tuple(each for each, column in found.columns.items() if column.changes_with_row and each not in used),
        query=found.query,
        filter=asked.filter,
        is_guarded=not found.is_view,
    )


def to_ask_for(mapping: TableMapping, found: FoundTable) -> AskedMapping:
    """As little as has to be said for `complete` to give this mapping of `found`."""
    if mapping.is_documented:
        return NOTHING_ASKED
    asked = AskedMapping.from_json(mapping.to_json())
    for part in ("key", "data", "name", "version", "results"):
        less = replace(asked, **{part: None})  # type: ignore[arg-type]
        with suppress(InvalidInputError):  # nobody could guess that part
            asked = less if complete(less, found) == mapping else asked
    return asked


def _version(asked: str | None, found: FoundTable, taken: set[str]) -> tuple[str | None, VersionKind]:
    """What tells that a row has changed; if nobody has said it, a time of the documented name, or a digest."""
    if asked is None:
        column = found.column(DOCUMENTED.version or "")
        time = _there(found, DOCUMENTED.version, taken) if column and column.type in TIMES else ""
        return (time, VersionKind.TIME) if time else (None, VersionKind.DIGEST)
    if not asked:
        return None, VersionKind.NONE
    if column := found.column(asked):
        return asked, VersionKind.TIME if column.type in TIMES else VersionKind.VALUE
    if asked.lower() == DIGEST:
        return None, VersionKind.DIGEST
    if is_plain_name(asked):
        return asked, VersionKind.VALUE  # a name, and of no column: `columns.problems_of` says so
    return check_condition(asked, "version"), VersionKind.SQL


def _with_zone(found: FoundTable, read: Field) -> Field:
    """The same source, with what the type of its column tells of times."""
    column = found.column(read.column)
    has_zone = read.kind is FieldKind.DATETIME and column is not None and column.type == "timestamp"
    return replace(read, detail=UTC) if has_zone else read


def _key(names: tuple[str, ...], found: FoundTable) -> tuple[tuple[str, ...], tuple[KeyKind, ...]]:
    """The columns of a key in the order of their index, by which pages are read; and what they hold.

    What is missing or does not tell rows apart, `columns.problems_of` says.
    """
    example = "--key id, or key_column = 'id'; several with commas"
    if not names:
        raise _choose(found, "key", "what tells rows apart", example)
    order = found.told_apart_by(names) or ()
    names = tuple(sorted(names, key=lambda name: order.index(name.lower()) if order else 0))
    types = [column.type if (column := found.column(name)) else "" for name in names]
    kinds = [kind_of(each, is_guarded=not found.is_view) for each in types]
    for name, each, kind in zip(names, types, kinds, strict=True):
        if each and kind is None:
            needed = f"something else than {name!r}, as a column of type {each} does not tell rows apart for certain"
            raise _choose(found, "key", needed, example)
    return names, tuple(kind or KeyKind.INTEGER for kind in kinds)


def _there(found: FoundTable, name: str | None, taken: set[str]) -> str:
    """`name` if the table has such a column, and it has no other use; empty otherwise."""
    return name if name and found.column(name) and name not in taken else ""


def _choose(found: FoundTable, what: str, needed: str, example: str) -> InvalidInputError:
    columns = ", ".join(f"{escaped(name)} {column.full_type}" for name, column in found.columns.items())
    return InvalidInputError(
        f"The table {found.name!r} does not tell its {what}: name {needed} ({example}). It has: {columns}.",
        field="mapping",
    )
