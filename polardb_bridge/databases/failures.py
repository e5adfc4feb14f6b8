"""What a person is told if Label Studio's own database fails."""

from __future__ import annotations

import re

from django.db import DatabaseError, InterfaceError, OperationalError

from polardb_bridge.errors import ReconfigureError

FAILURES = (DatabaseError, InterfaceError, TimeoutError)

# As SQLite and PostgreSQL say it; a PostgreSQL database or role that does not exist is something else.
_NOT_MIGRATED = re.compile("no such (table|column)|(relation|column) .* does not exist|has no column named")


def as_advice(error: Exception) -> ReconfigureError | None:
    """`error`, one of FAILURES, in one line that says what to do; None if it tells of a mistake in a program."""
    reason = " ".join(str(error).split())
    if _NOT_MIGRATED.search(reason):
        return ReconfigureError(
            f"Label Studio's own database is not up to date ({reason}): run `polardb-bridge start`, or "
            "`polardb-bridge manage migrate`, once."
        )
    # Of a file that is none of SQLite's, or broken, it only says that it is an error of the database.
    if isinstance(error, OperationalError | InterfaceError | TimeoutError) or type(error) is DatabaseError:
        return ReconfigureError(f"Label Studio's own database cannot be used: {reason}")
    return None
