"""System checks of what is stored: `polardb-bridge manage check --database default`, and every `migrate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from django.core import checks
from django.db import DatabaseError
from django.db.models import QuerySet

from polardb_bridge.storage.matching import goes_nowhere
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.owners import named, owner_besides

_Storage = TypeVar("_Storage", PolarDBExportStorage, PolarDBImportStorage)


def check_storages(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """Name the targets whose results go nowhere, and the tables that have two owners."""
    if not databases:
        return []
    try:
        return [*_lost(), *_written_in_turns(), *_read_twice()]
    except DatabaseError:
        return []  # before the first migration


def _lost() -> Iterator[checks.CheckMessage]:
    for target in PolarDBExportStorage.objects.defer("password"):
        if goes_nowhere(target):
            yield checks.Warning(
                f"Results of the target storage {target.pk} go nowhere: no source of its project reads its table.",
                hint="Point the target at the table of a source, or the source at the table of the target.",
                id="polardb_bridge.W020",
            )


def _written_in_turns() -> Iterator[checks.CheckMessage]:
    for target, owner in _second(PolarDBExportStorage.objects.select_related("project__deployment")):
        yield checks.Warning(
            f"The table of {named(owner.project)} is written by {named(target.project)}, too, in turns.",
            hint="Remove the target of one of the two, or drop one of the deployments.",
            id="polardb_bridge.W021",
        )


def _read_twice() -> Iterator[checks.CheckMessage]:
    for source, owner in _second(PolarDBImportStorage.objects.select_related("project")):
        yield checks.Warning(
            f"The source storages {owner.pk} and {source.pk} of {named(source.project)} read the same table.",
            hint="Remove one of the two: each makes a task of each row.",
            id="polardb_bridge.W022",
        )


def _second(storages: QuerySet[_Storage]) -> Iterator[tuple[_Storage, _Storage]]:
    """The storages whose table another has, each with that one."""
    for storage in storages.filter(owned_table__isnull=True).defer("password").order_by("pk"):
        owner = owner_besides(storage)
        if owner:
            yield storage, owner
