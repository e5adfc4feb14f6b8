"""A database gets another address: all storages that lead to it follow at once, or none does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from polardb_bridge.conf import names_of
from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.storage.keyed import key_from
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.owners import Storage, owner_besides
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.table.connection import connect
from polardb_bridge.table.keys import Key, shown_key
from polardb_bridge.table.parameters import DEFAULT_PORT, ConnectionParameters
from polardb_bridge.table.versions import read_versions

_ROWS_BATCH_SIZE = 5000
_LISTED = 5
# Of the storages that cannot follow; the rest are counted.
_NAMED = 10


@dataclass(frozen=True)
class Place:
    """A database of a server. database: "" for each that the server has."""

    host: str
    port: int
    database: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" + (f"/{self.database}" if self.database else "")

    @classmethod
    def parse(cls, text: str) -> Place:
        """From `HOST[:PORT][/DATABASE]`; an IPv6 address stands in brackets, as in a URL.

        Raises:
            InvalidInputError: it is none.
        """
        address, _, database = text.strip().partition("/")
        host, colon, port = address.rpartition(":") if not address.endswith("]") else (address, "", "")
        if not colon:
            host, port = address, str(DEFAULT_PORT)
        host = host.removeprefix("[").removesuffix("]")
        is_plain = bool(host) and not set(host) & set("@/?# []")
        if not is_plain or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise InvalidInputError(
                f"{text!r} is not the address of a database: write host:port/database, such as "
                "db.example.com:3306/animals."
            )
        return cls(host, int(port), database)

    def has(self, other: Storage | ConnectionParameters) -> bool:
        """Whether that leads here."""
        is_there = names_of(other.host) == names_of(self.host) and other.port == self.port
        return is_there and self.database in ("", other.database)


@dataclass(frozen=True)
class Account:
    """Who connects at the new place. None: each storage goes on with what it has."""

    user: str | None = None
    password: str | None = None


@dataclass(frozen=True)
class Move:
    """A storage and where it will lead. rows: those of its tasks, all of which are there."""

    before: Storage
    after: Storage
    rows: int

    @property
    def direction(self) -> str:
        return direction_of(self.before)


def direction_of(storage: Storage) -> str:
    """What people call it. The two kinds are numbered apart, so that 1 can be either."""
    return "target" if isinstance(storage, PolarDBExportStorage) else "source"


def plan(
    old: Place,
    new: Place,
    account: Account,
    *,
    allow_missing: bool = False,
    on_storage: Callable[[Storage], None] = lambda _: None,
) -> list[Move]:
    """Connect as each storage at `old` would at `new`, and see that it can go on there. Nothing is changed.

    allow_missing: tasks may have no row there.

    Raises:
        InvalidInputError: there is none, or some cannot; the message has each reason once, with those concerned.
    """
    storages = [storage for storage in _all() if old.has(storage)]
    if not storages:
        places = sorted({str(Place(each.host, each.port, each.database)) for each in _all()})
        raise InvalidInputError(f"No storage leads to {old}. There are storages of: {', '.join(places) or 'none'}.")
    moves: list[Move] = []
    problems: dict[str, list[Storage]] = {}
    for storage in storages:
        on_storage(storage)
        try:
            moves.append(_moved(storage, new, account, allow_missing=allow_missing, leaving=storages))
        except BridgeError as error:
            problems.setdefault(str(error), []).append(storage)
    if problems:
        count, reasons = len(storages) - len(moves), _in_words(problems)
        raise InvalidInputError(f"Nothing was moved. {count} of {len(storages)} cannot:{reasons}")
    return moves


def _in_words(problems: dict[str, list[Storage]]) -> str:
    """A line for each reason, and below it one for each storage, as long as there are few."""
    lines, left = [], _NAMED
    for reason, storages in problems.items():
        if not left:
            break
        lines.append(f"  {reason}")
        named = storages[:left]
        lines += [f"    {direction_of(storage)} {storage.pk} ({storage.table_address})" for storage in named]
        left -= len(named)
    more = sum(map(len, problems.values())) - (_NAMED - left)
    return "".join(f"\n{line}" for line in ([*lines, f"    … and {more} more"] if more else lines))


def apply(moves: Sequence[Move]) -> None:
    """Let all storages lead to their new place, in one transaction.

    Raises:
        InvalidInputError: one was changed, or is being synced, since it was looked at.
    """
    with transaction.atomic():
        for move in moves:
            kind = type(move.before)
            current = kind.objects.select_for_update().filter(pk=move.before.pk, **move.before.address).first()
            if current is None or _account(current) != _account(move.before):
                raise InvalidInputError(
                    f"The {move.direction} {move.before.pk} was changed meanwhile. Nothing was moved; try again."
                )
            _check_idle(current)
        for move in moves:
            move.after.owned_table = None
            move.after.save(update_fields=[*move.after.address, "user", "password", "known_as", "owned_table"])
        # Not before all of them are there: one may come to where another was.
        for move in moves:
            move.after.take_table()
            if isinstance(move.before, PolarDBImportStorage):
                # Pictures of tasks that outlived their storage are found by the table's address.
                KnownTable.objects.filter(**move.before.address).update(**move.after.address)


def _all() -> Iterator[Storage]:
    for kind in (PolarDBImportStorage, PolarDBExportStorage):
        yield from kind.objects.select_related("project").order_by("pk")


def _account(storage: Storage) -> dict[str, Any]:
    return {"user": storage.user, "password": storage.password}


def _moved(storage: Storage, new: Place, account: Account, *, allow_missing: bool, leaving: Sequence[Storage]) -> Move:
    _check_idle(storage)
    after = copy.copy(storage)
    after.host, after.port, after.database = new.host, new.port, new.database or storage.database
    after.known_as = after.owned_table = None
    after.user = storage.user if account.user is None else account.user
    after.password = storage.password if account.password is None else account.password
    after.validate_connection()
    owner = owner_besides(after)
    if owner and owner not in leaving:
        raise InvalidInputError(
            f"The table {after.table_address} belongs to the {direction_of(owner)} {owner.pk} already."
        )
    return Move(storage, after, _count_rows(after, allow_missing=allow_missing))


def _check_idle(storage: Storage) -> None:
    if isinstance(storage, PolarDBImportStorage) and storage.is_syncing:
        raise InvalidInputError(f"A sync of the source {storage.pk} runs. Move the database when it has ended.")


def _count_rows(after: Storage, *, allow_missing: bool) -> int:
    """How many rows the tasks of a source have at the new place.

    Raises:
        InvalidInputError: some are not there: the next sync would remove their tasks.
    """
    if not isinstance(after, PolarDBImportStorage):
        return 0
    links = after.links.filter(is_missing=False).order_by("row_id", "key")
    expected = [key_from(*fields) for fields in links.values_list("row_id", "key")]
    missing: list[Key] = []
    with connect(after.connection_parameters()) as connection:
        for start in range(0, len(expected), _ROWS_BATCH_SIZE):
            part = expected[start : start + _ROWS_BATCH_SIZE]
            found = read_versions(connection, after.source_table, part)
            missing += [row_id for row_id in part if row_id not in found]
    if missing and not allow_missing:
        rows = ", ".join(map(shown_key, missing[:_LISTED])) + (", …" if len(missing) > _LISTED else "")
        raise InvalidInputError(
            f"{len(missing)} of the {len(expected)} rows of its tasks are not in {after.table_address} (id {rows}), "
            "and the next sync would remove their tasks. Copy them first, or add --allow-missing."
        )
    return len(expected) - len(missing)
