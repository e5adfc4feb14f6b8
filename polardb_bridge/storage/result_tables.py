"""Targets that write annotations into a result table of their own, and not into the rows of sources."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timezone
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from django.db import models

from polardb_bridge.choices import WritesTo
from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.annotations import ProjectWriter
from polardb_bridge.table.connection import connect
from polardb_bridge.table.identity import TableIdentity, read_identity
from polardb_bridge.table.keys import KeyKind
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.result_table import ResultTable, check_writable, open_result_table

_PROJECTS = uuid.UUID("6c1a7d1e-5c0b-4b43-9d3f-7a3c3f0d8c55")


class ResultTableMixin(models.Model):
    """writes_to: what `table` is: the source's own table, or a result table, which several projects may share."""

    writes_to = models.CharField(
        max_length=16,
        choices=WritesTo.labeled(),
        default=WritesTo.ROWS.value,
        help_text="What the table is: that of a source, whose rows get their results, or a result table",
    )

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        project: Any
        table: str

    @property
    def has_result_table(self) -> bool:
        return bool(self.writes_to == WritesTo.RESULT_TABLE)

    @property
    def owns_table(self) -> bool:
        return not self.has_result_table

    def validate_connection(self, client: Any = None) -> list[str]:
        """As for all storages (`PolarDBStorageMixin`); of a result table, its own columns and keys."""
        if not self.has_result_table:
            warnings: list[str] = super().validate_connection(client)
            return warnings
        with connect(self.connection_parameters()) as connection:
            self.identify(connection)
            table = open_result_table(connection, self.table)
            check_writable(connection, table)
        for source in self.project.polardb_io_storages_polardbimportstorages.defer("password").order_by("pk"):
            check_takes(table, source.table_mapping.kinds, source_name(source))
        return []


def check_result_table(
    connection: sa.Connection, name: str, mapping: TableMapping, parameters: ConnectionParameters, source: str
) -> TableIdentity:
    """See that results of a new source can go into this result table; which table it is.

    Raises:
        ReconfigureError: it is not there, or is unfit, or the account may not write it.
    """
    table = open_result_table(connection, name)
    check_takes(table, mapping.kinds, f"{parameters.database}.{source}")
    check_writable(connection, table)
    return read_identity(connection, name)


def check_takes(table: ResultTable, kinds: Sequence[KeyKind], source: str) -> None:
    """See that a result table can hold the keys of a source, which are of these kinds.

    Raises:
        ReconfigureError: it cannot.
    """
    if not table.takes(kinds):
        raise ReconfigureError(
            f"The result table {table.name!r} was made for keys of another kind than those of {source}: make one for "
            "this source (create_tables --results … --for …), or one for all (without --for).",
            field="table",
        )


def source_name(source: Any) -> str:
    """What rows of an import storage are known by in result tables: `database.table`, as its server calls it."""
    known = source.identity
    return ".".join(known.names) if known else f"{source.database}.{source.table}"


def project_writer(project: Any) -> ProjectWriter:
    """What tells the project from all others, those of another Label Studio included: none has the same microsecond."""
    name = f"{project.pk} {project.created_at.astimezone(timezone.utc).isoformat()}"
    return ProjectWriter(project.pk, str(uuid.uuid5(_PROJECTS, name)))
