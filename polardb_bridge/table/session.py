"""What a session of ours is, whatever the server's is: strict, without padding, in UTC.

A server that is not strict cuts what is too long and writes `?` for what a character set lacks, without an error. One
that pads returns other text than was written. In another time zone, times come out hours off.

A session is set when it begins. A proxy that lends sessions to many (ProxySQL, RDS Proxy, PolarDB's) may lend another
one later that was never told: each write asks, as a condition of its own statement.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from polardb_bridge.errors import ReconfigureError

# Longer than anybody here waits for one.
MAX_STATEMENT_S = 150

_TIME_ZONE = "+00:00"
# Nothing else: zero dates that rows hold already are theirs to keep, and backticks and backslashes work everywhere.
_SQL_MODE = "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"

_SET_UP = f"SET time_zone = '{_TIME_ZONE}', sql_mode = '{_SQL_MODE}'"
# True in a session that is set up. Of sql_mode, only what changes values: proxies add modes of their own.
IS_SET_UP = (
    f"@@session.time_zone = '{_TIME_ZONE}' AND FIND_IN_SET('STRICT_ALL_TABLES', @@session.sql_mode)"
    " AND NOT FIND_IN_SET('PAD_CHAR_TO_FULL_LENGTH', @@session.sql_mode)"
)


def set_up_with(variables: Mapping[str, object]) -> str:
    """The statement that sets up a session, and more variables of it."""
    return ", ".join([_SET_UP, *(f"{name} = {value}" for name, value in variables.items())])


def read_only(*, is_mariadb: bool) -> dict[str, object]:
    """Variables of a session that runs SQL of people: functions that they call cannot write in it, nor run for ever.

    Whoever has given up waiting has closed the connection, and servers do not look at that before a statement's end.
    """
    if is_mariadb:
        return {"tx_read_only": 1, "max_statement_time": MAX_STATEMENT_S}
    return {"transaction_read_only": 1, "max_execution_time": MAX_STATEMENT_S * 1000}


def set_up_again(connection: sa.Connection) -> None:
    """Set up the session that a proxy has given us for this transaction.

    Raises:
        ReconfigureError: the proxy does not pass it on.
    """
    connection.exec_driver_sql(_SET_UP)
    if not connection.exec_driver_sql(f"SELECT {IS_SET_UP}").scalar_one():
        zone, modes = connection.exec_driver_sql("SELECT @@session.time_zone, @@session.sql_mode").one()
        raise ReconfigureError(
            f"The proxy in front of the database does not pass on what a session is set to: its time_zone is {zone!r}, "
            f"its sql_mode {modes!r}, and results would be written wrong."
        )


def ensure_set_up(connection: sa.Connection) -> None:
    """Before others' statements write: as each statement of `results` sees for itself.

    Raises:
        ReconfigureError: as `set_up_again`.
    """
    if not connection.exec_driver_sql(f"SELECT {IS_SET_UP}").scalar_one():
        set_up_again(connection)
