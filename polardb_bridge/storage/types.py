"""What Label Studio shows as storage types: its own, and ours."""

from __future__ import annotations

from typing import Any


def storage_list() -> list[dict[str, Any]]:
    """A fresh list at each call: Label Studio appends to it (`settings.GET_STORAGE_LIST`)."""
    from io_storages.functions import get_storage_list

    from polardb_bridge.storage import api

    return [
        {
            "name": "polardb",
            "title": "PolarDB table",
            "import_list_api": api.PolarDBImportStorageListAPI,
            "export_list_api": api.PolarDBExportStorageListAPI,
        },
        *get_storage_list(),
    ]
