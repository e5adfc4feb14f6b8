"""Which targets of a project write the rows of which of its sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from polardb_bridge.choices import WritesTo
from polardb_bridge.errors import InvalidInputError, ReconfigureError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.table.asked_mapping import AskedMapping

# Of a target that was saved before this was looked at.
GOES_NOWHERE = "No source of this project reads the table that this target writes: results go nowhere."

Storage = PolarDBExportStorage | PolarDBImportStorage


def sources_of(target: PolarDBExportStorage) -> list[PolarDBImportStorage]:
    """The import storages whose rows get their results through `target`.

    A result table gets those of all. Of others, database and table decide, as the server stores them: people read
    through one endpoint (a read-only node) and write through another. The others do not count only if the project has a
    target on the very server of the source.
    """
    # Passwords take longer to decrypt than all else takes to read.
    sources = PolarDBImportStorage.objects.filter(project=target.project_id).defer("password").order_by("pk")
    if target.has_result_table:
        return list(sources)
    same = [source for source in sources if _is_same_table(source, target)]
    if all(_is_same_server(source, target) for source in same):
        return same
    others = _row_targets(target.project_id).exclude(pk=target.pk)
    rivals = [rival for rival in others if _is_same_table(rival, target)]
    return [
        source
        for source in same
        if _is_same_server(source, target) or not any(_is_same_server(source, rival) for rival in rivals)
    ]


def targets_of(source: PolarDBImportStorage) -> list[PolarDBExportStorage]:
    """The export storages that get the results of `source`; those that write its rows first."""
    result_tables = PolarDBExportStorage.objects.filter(project=source.project_id, writes_to=WritesTo.RESULT_TABLE)
    return [*row_targets_of(source), *result_tables.defer("password").order_by("pk")]


def row_targets_of(source: PolarDBImportStorage) -> list[PolarDBExportStorage]:
    """The export storages that write the rows of `source`."""
    same = [target for target in _row_targets(source.project_id) if _is_same_table(source, target)]
    return [target for target in same if any(found.pk == source.pk for found in sources_of(target))]


def _row_targets(project_id: int) -> QuerySet[PolarDBExportStorage]:
    targets = PolarDBExportStorage.objects.filter(project=project_id, writes_to=WritesTo.ROWS)
    found: QuerySet[PolarDBExportStorage] = targets.defer("password").order_by("pk")
    return found


def target_like(source: PolarDBImportStorage) -> PolarDBExportStorage:
    """A target, not saved yet, that writes the table of `source` with its account."""
    where = ("host", "port", "database", "table", "mapping")
    names = ("project", "title", *where, "user", "password", "tls", "tls_cert", "tls_key")
    return PolarDBExportStorage(**{name: getattr(source, name) for name in names})


def _is_same_table(one: Storage, other: Storage) -> bool:
    if one.query or other.query:
        return False  # its name is people's own, and may be that of a table
    if (one.database, one.table) == (other.database, other.table):
        return True
    return bool(one.identity and other.identity and one.identity.path == other.identity.path)


def _is_same_server(one: Storage, other: Storage) -> bool:
    if (one.host.lower(), one.port) == (other.host.lower(), other.port):
        return True
    return bool(one.identity and other.identity and one.identity.server == other.identity.server)


def follow_mapping(storage: Storage) -> None:
    """Where the project has storages of the same table, a new one reads and writes it by their mapping.

    Raises:
        InvalidInputError: it asks for another key or other data than they have.
    """
    if storage.pk or not storage.owns_table:
        return
    if isinstance(storage, PolarDBExportStorage) and storage.mapping:
        storage.mapping = _without_filter(storage.mapping)
    sources = PolarDBImportStorage.objects.filter(project=storage.project_id).defer("password").order_by("pk")
    for others in (sources, _row_targets(storage.project_id)):
        for other in others:
            if not _is_same_table(storage, other):
                continue
            if not _is_like(storage, other):
                raise InvalidInputError(
                    f"Storage {other.pk} of this project has another key or other data in its mapping of this table: "
                    "leave the mapping out, or write the same.",
                    field="mapping",
                )
            storage.mapping = storage.mapping or _without_filter(other.mapping)


def _without_filter(mapping: dict[str, Any]) -> dict[str, Any]:
    """The mapping of another storage: a filter is of the source that has it."""
    return {part: value for part, value in mapping.items() if part != "filter"}


def _is_like(storage: Storage, other: Storage) -> bool:
    """Whether its mapping asks for no other key and no other data than that of another storage of the table."""
    asked = AskedMapping.from_json(storage.mapping or {})
    there = other.table_mapping
    # In any order: the index of the table has one.
    if asked.key is not None and _names(asked.key) != _names(there.key_columns):
        return False
    if asked.data is None:
        return True
    fields = there.data
    return asked.data.keys() == fields.keys() and all(read.is_like(fields[name]) for name, read in asked.data.items())


def _names(columns: Iterable[str]) -> set[str]:
    return {name.lower() for name in columns}


def goes_nowhere(storage: Storage) -> bool:
    """Whether `storage`, saved or not, is a target that writes no source of its project although there are sources."""
    if not isinstance(storage, PolarDBExportStorage):
        return False
    return PolarDBImportStorage.objects.filter(project=storage.project_id).exists() and not sources_of(storage)


def check_goes_somewhere(storage: Storage) -> None:
    """See that results would reach rows through `storage`; a project without sources may get some yet.

    A new source is looked at in the same way: the project may have got its target first.

    Raises:
        ReconfigureError: no source of the project reads the table that this target writes; or the project's target
            writes another table than this new source reads.
    """
    if isinstance(storage, PolarDBImportStorage):
        _check_is_written(storage)
    if not goes_nowhere(storage):
        return
    sources = PolarDBImportStorage.objects.filter(project=storage.project_id).order_by("pk")
    # Without hosts and databases, which users of a deployment are not told.
    tables = ", ".join(dict.fromkeys(sources.values_list("table", flat=True)))
    raise ReconfigureError(
        f"The results would go nowhere: no source of this project reads the table {storage.table!r} of that database, "
        f"or another target writes it. The sources read {tables}.",
        field="table",
    )


def _check_is_written(source: PolarDBImportStorage) -> None:
    # One that is saved may be moved to another table, and its target after it: the target's card says so meanwhile.
    if source.pk:
        return
    targets = _row_targets(source.project_id)
    if any(_is_same_table(source, target) for target in targets):
        return
    idle = [target.table for target in targets if not sources_of(target)]
    if idle:
        raise ReconfigureError(
            f"The results would go nowhere: the target of this project writes the table {idle[0]!r} of that database, "
            f"and no source reads it. Change or remove that target, and then add a source of {source.table!r}.",
            field="table",
        )
