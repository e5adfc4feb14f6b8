"""What the driver raises, as errors of this package: one place decides what each of MySQL's numbers asks for."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from polardb_bridge.errors import (
    BridgeError,
    DisconnectedError,
    LockedError,
    LoginRefusedError,
    ReconfigureError,
    RetryableError,
    RowError,
    ServerDownError,
)
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.time_limit import TimeIsUpError, current

# A refusal comes at once; what takes longer than this was no answer at all.
_REFUSED_WITHIN_S = 1.0
_NUMBER = re.compile(r"\((\d+)\)$")
# What the client library says of all that it does without waiting ("in progress"), and of a refusal.
_REFUSED = (111, 115)


@contextmanager
def translated_errors(parameters: ConnectionParameters) -> Iterator[None]:
    """Turn what the driver or SQLAlchemy raises within into a BridgeError."""
    began = time.monotonic()
    try:
        yield
    except BridgeError:
        raise
    except exc.TimeoutError:
        raise DisconnectedError(f"All connections to {parameters} are in use. Try again.") from None
    except TimeIsUpError:
        raise _time_is_up(parameters) from None
    except exc.DBAPIError as error:
        limit = current()
        if limit is not None and limit.is_up:
            raise _time_is_up(parameters) from None
        # `from None`: the driver's error repeats the statement, and a traceback would log it.
        raise _translate(error, parameters, time.monotonic() - began) from None


def _time_is_up(parameters: ConnectionParameters) -> DisconnectedError:
    limit = current()
    if limit is not None and limit.is_too_much:
        mebibytes = limit.max_bytes // 1024**2
        return DisconnectedError(f"{parameters.server} sent more than {mebibytes} MiB where less was asked for.")
    return DisconnectedError(f"{parameters.server} did not finish within {limit.seconds if limit else 0:.0f} s.")


def _translate(error: exc.DBAPIError, parameters: ConnectionParameters, seconds: float) -> BridgeError:
    code, said = said_by(error)
    server = parameters.server
    if code in (2002, 2003):
        return unreachable(parameters, said, seconds)
    if code == 2013 and "initial communication packet" in said:
        return ServerDownError(
            f"{server} accepts connections, but does not answer like a MySQL server: check the port.", field="port"
        )
    known = _REACTIONS.get(code)
    if known is None and isinstance(error, (exc.DataError, exc.IntegrityError)):
        # SQL state 22 or 23: about what was written, not about the server.
        return RowError(f"The database {parameters} does not accept the value: {said} (MySQL error {code})")
    if known is None:
        return RetryableError(f"The database {parameters} answered with error {code}: {said}")
    reaction, field_name, message = known
    return reaction(
        message.format(p=parameters, server=server, said=said, code=code) + f" (MySQL error {code})",
        field=field_name,
    )


def said_by(error: exc.DBAPIError) -> tuple[int, str]:
    """MySQL's number of an error, 0 if it has none, and what the server says."""
    arguments = getattr(error.orig, "args", ())
    code = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    # Where the server's message is no UTF-8, mysqlclient leaves a hole: to touch it ends the process.
    is_readable = len(arguments) > 1 and "<NULL>" not in repr(arguments)
    return code, str(arguments[1]) if is_readable else type(error.orig).__name__


def is_about_the_statement(error: exc.DBAPIError) -> bool:
    """Whether the server has read a statement and does not take it, as it would not take it again."""
    code, _ = said_by(error)
    if error.connection_invalidated or not 1000 < code < 5000 or code in _NOT_ABOUT_THE_STATEMENT:
        return False
    known = _REACTIONS.get(code)
    return known is None or known[0] is ReconfigureError


def unreachable(parameters: ConnectionParameters, said: str, seconds: float) -> ServerDownError:
    """Why no connection came about in so many seconds: MariaDB's client library says "(115)" for nearly all reasons.

    Nothing is tried again to find out: servers count connections without a login, and block who makes many.
    """
    host, port = parameters.host, parameters.port
    number = _NUMBER.search(said)
    code = int(number[1]) if number else 0
    if seconds < _REFUSED_WITHIN_S and code in _REFUSED:
        return ServerDownError(f"{host} refuses connections on port {port}: check the port.", field="port")
    return ServerDownError(f"{host} cannot be reached on port {port}: {_no_answer(seconds, code)}.", field="host")


def _no_answer(seconds: float, code: int) -> str:
    return f"no answer within {seconds:.0f} s" if seconds >= _REFUSED_WITHIN_S else os.strerror(code)


_Reaction = tuple[type[BridgeError], str | None, str]
# https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, client-error-reference.html,
# and https://mariadb.com/kb/en/mariadb-error-codes/ (4025).
_REACTIONS: dict[int, _Reaction] = {
    1044: (ReconfigureError, "database", "User {p.user!r} may not use the database {p.database!r}: {said}"),
    1045: (
        LoginRefusedError,
        "password",
        "{server} refused the user {p.user!r}: user name or password is wrong, the account is for another host, or "
        "{p.what_else_logins_need}. The server said: {said}",
    ),
    1698: (
        LoginRefusedError,
        "user",
        "{server} refused the user {p.user!r}: {said}. The account may log in without a password on the server's own "
        "machine only",
    ),
    1820: (LoginRefusedError, "password", "The password of the user {p.user!r} on {server} has expired: {said}"),
    1862: (LoginRefusedError, "password", "The password of the user {p.user!r} on {server} has expired: {said}"),
    3118: (LoginRefusedError, "user", "{server} has locked the account of the user {p.user!r}: {said}"),
    4151: (LoginRefusedError, "user", "{server} has locked the account of the user {p.user!r}: {said}"),
    3159: (ReconfigureError, "tls", "{server} takes encrypted connections only; set TLS to required: {said}"),
    2059: (ReconfigureError, "user", "{server} asks for a way of logging in that is missing on this machine: {said}"),
    1049: (ReconfigureError, "database", "There is no database {p.database!r} on {server}"),
    1129: (ServerDownError, "host", "{server} has blocked this machine: run mysqladmin flush-hosts there"),
    1130: (ReconfigureError, "host", "{server} allows no connections from this machine for {p.user!r}: {said}"),
    1142: (ReconfigureError, "user", "User {p.user!r} lacks a privilege: {said}"),
    1143: (ReconfigureError, "user", "User {p.user!r} lacks a privilege: {said}"),
    1146: (ReconfigureError, "table", "The table does not exist: {said}"),
    1054: (ReconfigureError, "table", "The table lacks a column: {said}"),
    2005: (ServerDownError, "host", "The host name {p.host!r} is not known"),
    5010: (
        ReconfigureError,
        "tls",
        "{server} asks for the password in clear text: it is sent if TLS is set to verify the certificate",
    ),
    2026: (ReconfigureError, "tls", "The TLS connection to {server} failed: {said}"),
    1153: (RowError, None, "The value is larger than the server accepts: raise max_allowed_packet there"),
    1406: (RowError, None, "The value is longer than its column: {said}"),
    1366: (RowError, None, "The column's character set cannot hold the value (utf8mb4 can): {said}"),
    1906: (ReconfigureError, "table", "The table has a generated column that results are written to: {said}"),
    3105: (ReconfigureError, "table", "The table has a generated column that results are written to: {said}"),
    1644: (RowError, None, "A trigger of the table refused the row: {said}"),
    3157: (RowError, "annotation_data", "The result is nested more deeply than the server accepts: {said}"),
    3140: (RowError, "annotation_data", "The result is not valid JSON to the server: {said}"),
    3819: (RowError, "annotation_data", "The result breaks a constraint of the table: {said}"),
    4025: (RowError, "annotation_data", "The result breaks a constraint of the table: {said}"),
    1356: (ReconfigureError, "table", "The view cannot be read: {said}"),
    1449: (ReconfigureError, "table", "The view cannot be read: {said}"),
    1792: (ReconfigureError, "mapping", "The SQL of the mapping writes, and it may only read: {said}"),
    1969: (RetryableError, None, "{server} ended a statement that took too long: {said}"),
    3024: (RetryableError, None, "{server} ended a statement that took too long: {said}"),
    1040: (ServerDownError, None, "{server} has too many connections"),
    1203: (RetryableError, None, "User {p.user!r} has too many connections to {server}: {said}"),
    1226: (RetryableError, None, "User {p.user!r} has used up what {server} grants it: {said}"),
    1053: (ServerDownError, None, "{server} is shutting down"),
    1205: (LockedError, None, "{server} waited too long for a lock"),
    1213: (LockedError, None, "{server} rolled the transaction back to end a deadlock"),
    1290: (RetryableError, None, "{server} does not accept writes now: {said}"),
    1836: (RetryableError, None, "{server} is read-only now"),
    1317: (DisconnectedError, None, "The connection to {server} was lost"),
    1927: (DisconnectedError, None, "The connection to {server} was lost"),
    2006: (DisconnectedError, None, "{server} closed the connection"),
    2013: (DisconnectedError, None, "The connection to {server} was lost"),
    2055: (DisconnectedError, None, "The connection to {server} was lost"),
    4031: (DisconnectedError, None, "{server} closed the connection"),
}
# Of numbers that are none of `_REACTIONS`, or that these take for a person's to mend.
_NOT_ABOUT_THE_STATEMENT = frozenset({1044, 1049, 1130, 1317})
