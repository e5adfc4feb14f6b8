"""Which rows can still change while their `updated_at` stays what it is.

A row that changes twice within one second has the same `updated_at` both times, and a transaction that is open for long
commits with a time of the past. Such rows are remembered by a digest of what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

# Two changes of one second, clocks of a cluster that differ a little, a statement that takes its time.
MARGIN_S = 5
# Transactions that we may not see; for so many of the newest rows only, or a table that was just loaded would be read
# twice.
NEWEST_S = 600
MAX_NEWEST_ROWS = 1000
# Somebody who has left a transaction open for longer than this does not have us look at the rows since for ever.
MAX_TRANSACTION_S = 3600

_FRACTIONS = 1_000_000
# Versions from here on are microseconds: as seconds, they would lie in the year 5138.
_LEAST_MICROSECONDS = 10**11


def seconds_of(version: int) -> int:
    """A row's version in seconds since 1970."""
    return version // _FRACTIONS if version >= _LEAST_MICROSECONDS else version


@dataclass(frozen=True)
class Horizon:
    """Where the past begins that cannot change any more, in seconds since 1970 by the server's own clock.

    open_since: rows of that time or later may change again without a new `updated_at`.
    newest_after: rows newer than this count as such, too, although they are older than `open_since`: there are few.
    settled_before: what was remembered of older rows can be forgotten.
    """

    open_since: int
    newest_after: int
    settled_before: int

    @property
    def doubtful_after(self) -> int:
        """Rows that are newer than this are in doubt."""
        return min(self.open_since - 1, self.newest_after)

    def is_in_doubt(self, version: int) -> bool:
        """Whether a row that is read now can change and keep its version. Of an unknown time (0): always."""
        return version == 0 or seconds_of(version) > self.doubtful_after

    def is_newest(self, version: int) -> bool:
        """Whether a row is in doubt only because it is one of the newest."""
        return self.newest_after < seconds_of(version) < self.open_since

    def is_settled(self, version: int) -> bool:
        """Whether a row of this version, once compared, can be forgotten."""
        return 0 < seconds_of(version) < self.settled_before


# Of versions that are no times: what has changed has another one, whenever that was.
NO_DOUBT = Horizon(open_since=2**62, newest_after=2**62, settled_before=2**62)


def read_horizon(connection: sa.Connection) -> Horizon:
    """The horizon of a sync that begins now.

    Raises:
        sqlalchemy.exc.DBAPIError: the server does not answer.
    """
    now = int(connection.exec_driver_sql("SELECT UNIX_TIMESTAMP()").scalar_one())
    open_since = now - max(MARGIN_S, min(_oldest_transaction_s(connection), MAX_TRANSACTION_S))
    newest_after = now - NEWEST_S
    return Horizon(open_since, newest_after, settled_before=min(open_since, newest_after))


def _oldest_transaction_s(connection: sa.Connection) -> int:
    """The age in seconds of the oldest transaction that holds a lock, as all that write do; 0 if we may not know."""
    system_time = "TIMESTAMPDIFF(SECOND, MIN(trx_started), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM'))"
    utc_time = "TIMESTAMPDIFF(SECOND, MIN(trx_started), UTC_TIMESTAMP())"
    try:
        ages = connection.exec_driver_sql(
            f"SELECT {system_time}, {utc_time} FROM information_schema.innodb_trx WHERE trx_lock_structs > 0"  # noqa: S608
        ).one()
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        return 0  # it takes the privilege PROCESS
    # Servers tell it in the time zone of their machine; a session's zone would be UTC.
    return min((int(age) for age in ages if age is not None and age >= 0), default=0)


def newest_after(connection: sa.Connection, table: sa.Table, horizon: Horizon) -> int:
    """For `Horizon.newest_after`: at most MAX_NEWEST_ROWS rows lie between this and `open_since`. Reads all times."""
    if "updated_at" not in table.c:
        return horizon.newest_after
    query = (
        sa.select(sa.func.unix_timestamp(table.c.updated_at))
        .where(table.c.updated_at >= sa.func.from_unixtime(horizon.newest_after))
        .where(table.c.updated_at < sa.func.from_unixtime(horizon.open_since))
        .order_by(table.c.updated_at.desc())
        .limit(1)
        .offset(MAX_NEWEST_ROWS)
    )
    found = connection.scalar(query)
    return horizon.newest_after if found is None else int(found)
