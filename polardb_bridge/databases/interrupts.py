"""Cleaning up after an interrupt, such as Ctrl-C."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, connections


def begin_afresh_after(error: BaseException) -> None:
    """Give this thread a new connection to Label Studio's database if `error` is an interrupt.

    An interrupt can fall between a BEGIN and Django's note of it, or between that note and the block that would end
    the transaction: with the old connection, nothing could be saved any more ("cannot start a transaction within a
    transaction"), or it would be rolled back at the process' end.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    is_within_a_block = connection.in_atomic_block and connection.atomic_blocks
    if isinstance(error, Exception) or is_within_a_block:
        return
    connection.close()
    del connections[DEFAULT_DB_ALIAS]
