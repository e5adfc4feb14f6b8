"""Where the rows of a source are certain: a source may be read from a replica, and replicas lag."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import sqlalchemy as sa

from polardb_bridge.storage.matching import row_targets_of
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.table.connection import connect
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.primary import at_primary
from polardb_bridge.table.schema import source_table


@contextmanager
def connect_to_primary(source: PolarDBImportStorage) -> Iterator[tuple[sa.Connection, sa.Table]]:
    """Where the results of a source's rows are written, to read there; the source's own address if they are not.

    Raises:
        BridgeError: the server does not answer.
    """
    target = next(iter(row_targets_of(source)), None)
    parameters = replace((target or source).connection_parameters(), read_only=source.runs_sql)
    with connect_at_primary(parameters) as connection:
        yield connection, source_table((target or source).table, source.table_mapping)


@contextmanager
def connect_at_primary(parameters: ConnectionParameters) -> Iterator[sa.Connection]:
    """As `connect`, in a transaction that only the primary answers."""
    with connect(parameters) as connection, at_primary(connection):
        yield connection
