"""Labeling interfaces that are about to change: what rows give tasks, and the columns that take their labels."""

from __future__ import annotations

import contextlib
from typing import Any

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.form_api import asking
from polardb_bridge.storage.image_field import image_field
from polardb_bridge.storage.label_role import check_label_column
from polardb_bridge.table.connection import connect


def check_interface(project: Any, label_config: str) -> None:
    """See that the interface that a project is to have fits its storages.

    Its sources can fill what it shows, and columns that get the label of a row take those that it offers. A database
    that does not answer holds up nobody: what does not fit will be listed with its row.

    Raises:
        ReconfigureError: rows do not give what it shows; people would choose several labels, or nothing; or a label
            does not fit.
        Throttled: too many requests of this process wait for servers already (429).
    """
    for source in project.polardb_io_storages_polardbimportstorages.order_by("pk"):
        image_field(label_config, source.table_mapping)
    for target in project.polardb_io_storages_polardbexportstorages.order_by("pk"):
        if "label" not in target.mapping.get("result", {}):
            continue
        with contextlib.suppress(RetryableError), asking(), connect(target.connection_parameters()) as connection:
            check_label_column(connection, target.source_table, label_config)
