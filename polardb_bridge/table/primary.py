"""Reading where writes go.

A replica lags, and an address that spreads reads over a cluster (PolarDB's cluster address, MaxScale, ProxySQL) may ask
one. Statements of a transaction that is not READ ONLY go to the primary. PolarDB's proxy splits such transactions, too,
unless a hint says otherwise (https://www.alibabacloud.com/help/en/polardb/polardb-for-mysql/user-guide/hints), which is
a comment elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

_HINT = "/*FORCE_MASTER*/ "


@contextmanager
def at_primary(connection: sa.Connection) -> Iterator[None]:
    """Have the primary answer what `connection`, one of `table.connection.connect`, reads within."""
    event.listen(connection, "before_cursor_execute", _with_hint, retval=True)
    try:
        connection.exec_driver_sql("START TRANSACTION")
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.invalidate()  # whatever state it is in: the next user gets another
        raise
    finally:
        event.remove(connection, "before_cursor_execute", _with_hint)


def _with_hint(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    return _HINT + statement, parameters
