"""Keys that are no integers beside those that are: tables of the same rows, synced in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import imports
from bench.measure import Claim, Measurement, measured

# By name, the column's type and the keys of the rows, as SQL. All but the first are known by text.
KINDS = {
    "INT": ("int NOT NULL", "seq"),
    "varchar(64)": ("varchar(64) NOT NULL", "CONCAT('sku-', SHA2(seq, 224))"),
    "char(36)": ("char(36) NOT NULL", "UUID()"),
}
MOST_BESIDE_INT = 1.5
# The syncs with nothing to do are short: the middle one of so many counts.
_TURNS = 3


def fill(connection: Any, rows: int) -> None:
    """A table of `rows` rows of 1 KB for each kind."""
    from polardb_bridge.table.schema import create_table, source_table

    for name, (column, value) in KINDS.items():
        table = table_of(name)
        create_table(connection, source_table(table))
        connection.exec_driver_sql(f"ALTER TABLE {table} MODIFY id {column}")
        connection.exec_driver_sql(
            f"INSERT INTO {table} (id, base64_data, mime_type, original_name)"
            f" SELECT {value}, REPEAT('A', 1000), 'jpg', CONCAT('photo-', seq, '.jpg') FROM seq_1_to_{rows}"
        )


def table_of(name: str) -> str:
    return f"bench_key_{list(KINDS).index(name)}"


def compare(storage_of: Callable[[str, str], Any], rows: int) -> tuple[list[Measurement], list[Claim]]:
    """First syncs, and such with nothing to do, of each kind; and how they compare to integers.

    storage_of: makes a storage, delivered by link, of a table and with a name.
    """
    storages = {name: storage_of(table_of(name), f"key {name}") for name in KINDS}
    first = {name: measured(f"link: our sync, {name} key", rows, imports.our_sync, storages[name]) for name in KINDS}
    nothing: dict[str, list[Measurement]] = {name: [] for name in KINDS}
    for _ in range(_TURNS):
        for name, storage in storages.items():
            what = f"link: nothing to do, {name} key"
            nothing[name].append(measured(what, rows, imports.our_sync, storage))
    again = {name: sorted(turns, key=lambda turn: turn.seconds)[_TURNS // 2] for name, turns in nothing.items()}
    claims = []
    for what, found in (("first sync", first), ("nothing to do", again)):
        integers, *others = KINDS
        for name in others:
            times = found[name].seconds / found[integers].seconds
            claims.append(Claim(f"{name} key beside INT, {what}", times, MOST_BESIDE_INT))
    return [*first.values(), *again.values()], claims
