"""Storages by id, with an answer that helps if there is none."""

from __future__ import annotations

from typing import TypeVar

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage

_Storage = TypeVar("_Storage", PolarDBImportStorage, PolarDBExportStorage)


def find_import_storage(storage_id: int) -> PolarDBImportStorage:
    """Raises InvalidInputError, naming the storages that exist, if the id is unknown."""
    return _find(PolarDBImportStorage, storage_id, "import")


def find_export_storage(storage_id: int) -> PolarDBExportStorage:
    """Raises InvalidInputError, naming the storages that exist, if the id is unknown."""
    return _find(PolarDBExportStorage, storage_id, "export")


def _find(model: type[_Storage], storage_id: int, direction: str) -> _Storage:
    storage: _Storage | None = model.objects.filter(pk=storage_id).first()
    if storage is None:
        known = ", ".join(f"{s.pk} ({s.table_address})" for s in model.objects.order_by("pk")[:20]) or "none"
        raise InvalidInputError(f"There is no PolarDB {direction} storage {storage_id}. There are: {known}.")
    return storage
