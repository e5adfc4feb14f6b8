"""One table, one owner: one target writes a row's result, and one source of a project makes a task of it.

Two would take turns: deleting an annotation of one task empties the row although the other task has one, and each
comparison writes over what the other has written. Sources of other projects may read the same table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from polardb_bridge.choices import WritesTo
from polardb_bridge.conf import names_of
from polardb_bridge.errors import BridgeError, TableTakenError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.table.identity import TableIdentity
from polardb_bridge.table.parameters import ConnectionParameters

Storage = PolarDBExportStorage | PolarDBImportStorage

# Of a target that was saved before this was looked at.
WRITES_IN_TURNS = "Another target writes this table, too: it alone is compared with its rows. Remove one of the two."


def validate(storage: Storage, user: Any = None) -> list[str]:
    """Like `storage.validate_connection`, and see that the table is free, whatever else is wrong with it.

    user: who asks; None: somebody who may see everything.

    Raises:
        TableTakenError: somebody else has the table.
        BridgeError: what else is wrong.
    """
    try:
        warnings: list[str] = storage.validate_connection()
    except BridgeError:
        owner = owner_besides(storage)
        # Who has not shown an account of the server is not told that somebody else has one.
        if owner and (storage.identity or _may_see(user, owner.project)):
            raise _taken(owner, user) from None
        raise
    check_free(storage, user)
    return warnings


def check_free(storage: Storage, user: Any) -> None:
    """See that nobody else has the table of `storage`, saved or not, as far as that is known.

    Raises:
        TableTakenError: somebody has.
    """
    owner = owner_besides(storage)
    if owner:
        raise _taken(owner, user)


@contextmanager
def taking(storage: Storage, user: Any) -> Iterator[None]:
    """Save `storage` within, in one transaction: of two at once, one is refused.

    Raises:
        TableTakenError: another was faster.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        check_free(storage, user)
        raise


def check_table_is_free(parameters: ConnectionParameters, table: str, identity: TableIdentity | None = None) -> None:
    """See that no target writes this table, for those who may see everything. identity: if it is known.

    Raises:
        TableTakenError: one does; the message says whose it is.
    """
    address = {"host": parameters.host, "port": parameters.port, "database": parameters.database, "table": table}
    owner = _row_targets().filter(_is_at(address, identity)).defer("password").order_by("pk").first()
    if owner is not None:
        raise _taken(owner)


def taken_tables(parameters: ConnectionParameters, identities: Mapping[str, TableIdentity]) -> dict[str, str]:
    """Of the tables of a database, those that a target writes, each with what `check_table_is_free` says of it."""
    by_key = {identity.key: name for name, identity in identities.items()}
    place = names_of(parameters.host), parameters.port, parameters.database
    taken: dict[str, str] = {}
    targets = _row_targets().select_related("project__deployment").order_by("pk")
    for target in targets.defer("password", "project__deployment__first_password"):
        is_here = (names_of(target.host), target.port, target.database) == place
        name = by_key.get(target.owned_table) or (target.table if is_here else None)
        if name and name in identities:
            taken.setdefault(name, str(_taken(target)))
    return taken


def owner_besides(storage: Storage) -> Storage | None:
    """Who has the table of `storage`, saved or not, if that is another."""
    identity = storage.identity
    if not storage.owns_table or (identity and storage.owned_table == identity.key):
        return None
    is_source = isinstance(storage, PolarDBImportStorage)
    others = PolarDBImportStorage.objects.filter(project=storage.project_id) if is_source else _row_targets()
    others = others.exclude(pk=storage.pk).defer("password")
    same = _is_at(storage.address, identity)
    if storage.pk:
        # Of those that no server was asked about yet, the oldest.
        same &= Q(owned_table__isnull=False) | Q(pk__lt=storage.pk)
    found: Storage | None = others.filter(same).order_by("pk").first()
    return found


def _row_targets() -> QuerySet[PolarDBExportStorage]:
    """Those that write rows of sources: a result table may be written by many."""
    found: QuerySet[PolarDBExportStorage] = PolarDBExportStorage.objects.filter(writes_to=WritesTo.ROWS)
    return found


def _is_at(address: dict[str, Any], identity: TableIdentity | None) -> Q:
    hosts = [Q(host__iexact=name) for name in names_of(address["host"])]
    at = reduce(or_, hosts) & Q(**{name: value for name, value in address.items() if name != "host"})
    return at | Q(owned_table=identity.key) if identity else at


def _taken(owner: Storage, user: Any = None) -> TableTakenError:
    if isinstance(owner, PolarDBImportStorage):
        title = owner.title or "PolarDB table"
        return TableTakenError(
            f"This project has the table {owner.table!r} already, by its source {title!r} (storage {owner.pk}): "
            "a second source would make a second task of each row. Change that one.",
            field="table",
        )
    if not _may_see(user, owner.project):
        return TableTakenError(
            f"The table {owner.table!r} has an owner already, which writes its results; ask an administrator.",
            field="table",
        )
    if getattr(owner.project, "deployment", None):
        return TableTakenError(
            f"The table {owner.table!r} already belongs to {named(owner.project)}; drop that one first.", field="table"
        )
    return TableTakenError(
        f"The table {owner.table!r} already belongs to {named(owner.project)}, which writes its results; "
        "remove that project's target first.",
        field="table",
    )


def named(project: Any) -> str:
    """What people call a project: by its deployment, or by its title and path."""
    deployment = getattr(project, "deployment", None)
    if deployment:
        return f"the deployment {deployment.name!r}"
    return f"the project {project.title!r} (/projects/{project.pk})"


def _may_see(user: Any, project: Any) -> bool:
    """Whether `user` may be told which project that is; None may be told everything."""
    return user is None or bool(user.is_superuser or project.has_permission(user))


@dataclass(frozen=True)
class Elsewhere:
    """A project that has tasks of the same rows, or writes them. project: its title; None: not for this person."""

    project: str | None
    rows: int
    writes: bool


def elsewhere(source: PolarDBImportStorage, user: Any) -> list[Elsewhere]:
    """Which other projects have the rows of `source`, saved or not; the one that writes them first."""
    same = _is_at(source.address, source.identity)
    rows: dict[Any, int] = {}
    sources = PolarDBImportStorage.objects.filter(same).exclude(project=source.project_id).defer("password")
    for other in sources.select_related("project").annotate(count=Count("links")).order_by("pk"):
        rows[other.project] = rows.get(other.project, 0) + other.count
    targets = _row_targets().filter(same).exclude(project=source.project_id).defer("password")
    writers = {target.project for target in targets.select_related("project")}
    found = [
        Elsewhere(project.title if _may_see(user, project) else None, rows.get(project, 0), project in writers)
        for project in dict.fromkeys([*rows, *writers])
    ]
    return sorted((each for each in found if each.rows or each.writes), key=lambda each: not each.writes)
