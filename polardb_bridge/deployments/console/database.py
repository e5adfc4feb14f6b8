"""The database of `POLARDB_URL`, for pages that people wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import sqlalchemy as sa

from polardb_bridge.conf import command_database
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.time_limit import time_limit

# How long a person waits while the database does not answer.
TIME_LIMIT_S = 8.0


@contextmanager
def asked() -> Iterator[sa.Connection]:
    """A connection to read by.

    Raises:
        BridgeError: the database is not set, or does not answer in time.
    """
    with time_limit(TIME_LIMIT_S), connect(replace(command_database(), read_only=True)) as connection:
        yield connection


@contextmanager
def changed() -> Iterator[sa.Connection]:
    """A connection to write by, in one transaction.

    Raises:
        BridgeError: as `asked`; or the account may not write.
    """
    # A writer waits for the locks of others a second or two only.
    writer = replace(command_database(), is_writer=True)
    with time_limit(TIME_LIMIT_S), begin(writer) as connection:
        yield connection
