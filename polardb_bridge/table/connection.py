"""Connections to the user's database: one pooled engine per distinct address, account and TLS mode."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy import event, exc

from polardb_bridge.errors import BridgeError, InvalidInputError, ReconfigureError, RetryableError, RowError

TLS_MODES = ("disabled", "required", "verify_ca", "verify_identity")
DEFAULT_PORT = 3306

# A person waits for "Test connection" no longer than 5 s: this, then the probe where it fails.
CONNECT_TIMEOUT_S = 3
PROBE_TIMEOUT_S = 0.5
READ_TIMEOUT_S = 60
WRITE_TIMEOUT_S = 60
# Below MySQL's shortest usual wait_timeout (PolarDB's proxies close idle connections after some minutes).
POOL_RECYCLE_S = 240


@dataclass(frozen=True)
class ConnectionParameters:
    """Where a database is and who connects. `repr` shows no password.

    address: the IP address to connect to instead of `host`, where a caller has resolved and checked it.
    tls_ca: path of a file with the certificate authorities to trust; the system's where None.
    timeout_s: how long a statement may keep quiet; half of it where it waits for a lock. None: a minute, and the
    server's own limit for locks.
    """

    host: str
    database: str
    user: str
    password: str = field(default="", repr=False)
    port: int = DEFAULT_PORT
    tls: str = "disabled"
    address: str | None = None
    tls_ca: str | None = None
    timeout_s: int | None = None

    def __post_init__(self) -> None:
        if not self.host:
            raise InvalidInputError("The host is empty.", field="host")
        if not self.database:
            raise InvalidInputError("The database is empty.", field="database")
        if not self.user:
            raise InvalidInputError("The user is empty.", field="user")
        if not 1 <= self.port <= 65535:
            raise InvalidInputError(f"The port {self.port} is not between 1 and 65535.", field="port")
        if self.tls not in TLS_MODES:
            raise InvalidInputError(f"TLS {self.tls!r} is not one of {', '.join(TLS_MODES)}.", field="tls")

    @classmethod
    def from_url(cls, url: str) -> ConnectionParameters:
        """Read `mysql://user:password@host:3306/database?tls=required`.

        User, password and database are percent-decoded.

        Raises:
            InvalidInputError: the URL is not of that form; the message does not repeat it.
        """
        hint = "Write it as mysql://user:password@host:3306/database?tls=required"
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORT
            host = parts.hostname
        except ValueError:
            # Not chained: urlsplit's own message can hold the part with the password.
            raise InvalidInputError(f"The database URL cannot be read. {hint}.") from None
        if parts.scheme.split("+")[0] not in ("mysql", "mariadb"):
            raise InvalidInputError(f"The database URL does not start with mysql://. {hint}.")
        options = parse_qs(parts.query)
        unknown = set(options) - {"tls"}
        if unknown:
            raise InvalidInputError(f"The database URL has an unknown option: {', '.join(sorted(unknown))}. {hint}.")
        database = unquote(parts.path.lstrip("/"))
        if not host or not parts.username or not database:
            raise InvalidInputError(f"The database URL lacks a user, a host or a database. {hint}.")
        return cls(
            host=host,
            port=port,
            database=database,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            tls=options.get("tls", ["disabled"])[-1],
        )

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


# The least recently used go first: storages are changed and deleted, and passwords tried.
_MOST_ENGINES = 32
_engines: OrderedDict[ConnectionParameters, sa.Engine] = OrderedDict()
_engines_lock = threading.Lock()


def engine_for(parameters: ConnectionParameters) -> sa.Engine:
    """The pooled engine of these parameters, made at the first call. Nothing connects yet."""
    outdated = None
    with _engines_lock:
        engine = _engines.get(parameters)
        if engine is None:
            engine = _engines[parameters] = _create_engine(parameters)
            if len(_engines) > _MOST_ENGINES:
                _, outdated = _engines.popitem(last=False)
        _engines.move_to_end(parameters)
    if outdated is not None:
        outdated.dispose()  # idle connections only: what is in use closes when it comes back
    return engine


def dispose(parameters: ConnectionParameters | None = None) -> None:
    """Close the idle connections of these parameters, or of all, and forget their engines."""
    with _engines_lock:
        chosen = list(_engines) if parameters is None else [parameters]
        engines = [_engines.pop(key) for key in chosen if key in _engines]
    for engine in engines:
        engine.dispose()


def _forget_inherited() -> None:
    # A forked process shares its parent's sockets: using or closing one would break the parent's connection.
    global _engines_lock
    _engines_lock = threading.Lock()
    _inherited.append(dict(_engines))
    _engines.clear()


_inherited: list[dict[ConnectionParameters, sa.Engine]] = []
os.register_at_fork(after_in_child=_forget_inherited)


def _create_engine(parameters: ConnectionParameters) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("mysql+mysqldb", username=parameters.user, password=parameters.password),
        connect_args=_connect_arguments(parameters),
        pool_pre_ping=True,
        pool_recycle=POOL_RECYCLE_S,
        pool_size=5,
        max_overflow=20,
        pool_timeout=CONNECT_TIMEOUT_S,
        # Statements of ours hold images and results: never in an error message or a log.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def set_up_session(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        try:
            if parameters.tls != "disabled":
                _require_encryption(cursor, parameters)
            cursor.execute("SET time_zone = '+00:00'")
            if parameters.timeout_s:
                # Below the timeout: a statement that waits for a lock ends with an answer, not with a lost connection.
                cursor.execute(f"SET innodb_lock_wait_timeout = {max(1, parameters.timeout_s // 2)}")
        finally:
            cursor.close()

    return engine


def _require_encryption(cursor: Any, parameters: ConnectionParameters) -> None:
    # MariaDB's client library (3.3, Debian 12) connects in plain text to a server without TLS although
    # ssl_mode=REQUIRED is set: only the session's own status is to be trusted.
    cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    row = cursor.fetchone()
    if not row or not row[1]:
        raise ReconfigureError(
            f"The server {parameters.host}:{parameters.port} does not offer TLS. "
            "Turn TLS on there, or set TLS to disabled.",
            field="tls",
        )


def _connect_arguments(parameters: ConnectionParameters) -> dict[str, Any]:
    host = parameters.address or parameters.host
    arguments: dict[str, Any] = {
        # The client library takes 'localhost' for a Unix socket.
        "host": "127.0.0.1" if host == "localhost" else host,
        "port": parameters.port,
        "database": parameters.database,
        "charset": "utf8mb4",
        "connect_timeout": min(CONNECT_TIMEOUT_S, parameters.timeout_s or CONNECT_TIMEOUT_S),
        "read_timeout": parameters.timeout_s or READ_TIMEOUT_S,
        "write_timeout": parameters.timeout_s or WRITE_TIMEOUT_S,
        # A hostile server could otherwise ask for files of this machine.
        "local_infile": 0,
        "ssl_mode": parameters.tls.upper(),
    }
    if parameters.tls.startswith("verify"):
        # The certificate names the host: connect by name. A rebound name then leads to a server without the
        # certificate, so nothing is lost against connecting to the checked address.
        arguments["host"] = parameters.host
        arguments["ssl"] = {"ca": parameters.tls_ca or ssl.get_default_verify_paths().cafile}
    return arguments


@contextmanager
def connect(parameters: ConnectionParameters) -> Iterator[sa.Connection]:
    """A connection from the pool for reading; driver errors raised within come out as this package's errors.

    Each statement stands by itself: a long read in one transaction would keep ALTER TABLE waiting, and all others
    behind that.
    """
    with translated_errors(parameters), engine_for(parameters).connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def begin(parameters: ConnectionParameters) -> Iterator[sa.Connection]:
    """Like `connect`, in a transaction that commits at the end and rolls back on an error."""
    with translated_errors(parameters), engine_for(parameters).begin() as connection:
        yield connection


@contextmanager
def translated_errors(parameters: ConnectionParameters) -> Iterator[None]:
    """Turn what the driver or SQLAlchemy raises within into a BridgeError."""
    try:
        yield
    except BridgeError:
        raise
    except exc.TimeoutError:
        raise RetryableError(f"All connections to {parameters} are in use.") from None
    except exc.DBAPIError as error:
        # `from None`: the driver's error repeats the statement, and a traceback would log it.
        raise _translate(error, parameters) from None


def _translate(error: exc.DBAPIError, parameters: ConnectionParameters) -> BridgeError:
    original = error.orig
    arguments = getattr(original, "args", ())
    code = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    said = str(arguments[1]) if len(arguments) > 1 else type(original).__name__
    server = f"{parameters.host}:{parameters.port}"
    if code in (2002, 2003):
        return _unreachable(parameters)
    if code == 2013 and "initial communication packet" in said:
        return RetryableError(
            f"{server} takes connections, but does not answer like a MySQL server: check the port.", field="port"
        )
    known = _REACTIONS.get(code)
    if known is None and isinstance(error, (exc.DataError, exc.IntegrityError)):
        # SQL state 22 or 23: about what was written, not about the server.
        return RowError(f"The database {parameters} does not take the value: {said} (MySQL error {code})")
    if known is None:
        return RetryableError(f"The database {parameters} answered with error {code}: {said}")
    reaction, field_name, message = known
    return reaction(
        message.format(p=parameters, server=server, said=said, code=code) + f" (MySQL error {code})",
        field=field_name,
    )


def _unreachable(parameters: ConnectionParameters) -> RetryableError:
    """Why no connection can be made: MariaDB's client library says "(115)" for all reasons."""
    host, port = parameters.host, parameters.port
    try:
        socket.create_connection((parameters.address or host, port), PROBE_TIMEOUT_S).close()
    except ConnectionRefusedError:
        return RetryableError(f"{host} refuses connections on port {port}: check the port.", field="port")
    except OSError as error:
        return RetryableError(f"{host} cannot be reached on port {port}: {error}.", field="host")
    return RetryableError(f"{host} was slow to answer on port {port}. Try again.", field="host")


_Reaction = tuple[type[BridgeError], str | None, str]
# https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html, client-error-reference.html,
# and https://mariadb.com/kb/en/mariadb-error-codes/ (4025).
_REACTIONS: dict[int, _Reaction] = {
    1044: (ReconfigureError, "database", "User {p.user!r} may not use the database {p.database!r}: {said}"),
    1045: (ReconfigureError, "password", "{server} refused the user {p.user!r}: user name or password is wrong"),
    1049: (ReconfigureError, "database", "There is no database {p.database!r} on {server}"),
    1129: (ReconfigureError, "host", "{server} blocks this machine after failed attempts: run FLUSH HOSTS there"),
    1130: (ReconfigureError, "host", "{server} allows no connections from this machine for {p.user!r}: {said}"),
    1142: (ReconfigureError, "user", "User {p.user!r} lacks a privilege: {said}"),
    1143: (ReconfigureError, "user", "User {p.user!r} lacks a privilege: {said}"),
    1146: (ReconfigureError, "table", "The table is not there: {said}"),
    1054: (ReconfigureError, "table", "The table lacks a column: {said}"),
    2005: (ReconfigureError, "host", "The host name {p.host!r} is not known"),
    2026: (ReconfigureError, "tls", "The TLS connection to {server} failed: {said}"),
    1153: (RowError, None, "The value is larger than the server takes: raise max_allowed_packet there"),
    1406: (RowError, None, "The value is longer than its column: {said}"),
    1366: (RowError, None, "The column's character set cannot hold the value (utf8mb4 can): {said}"),
    1644: (RowError, None, "A trigger of the table refused the row: {said}"),
    3157: (RowError, "annotation_data", "The result is nested more deeply than the server takes: {said}"),
    3140: (RowError, "annotation_data", "The result is not valid JSON to the server: {said}"),
    4025: (RowError, "annotation_data", "The result breaks a constraint of the table: {said}"),
    1040: (RetryableError, None, "{server} has too many connections"),
    1053: (RetryableError, None, "{server} is shutting down"),
    1205: (RetryableError, None, "{server} waited too long for a lock"),
    1213: (RetryableError, None, "{server} ended a deadlock"),
    1290: (RetryableError, None, "{server} does not accept writes now: {said}"),
    1836: (RetryableError, None, "{server} is read-only now"),
    2006: (RetryableError, None, "{server} closed the connection"),
    2013: (RetryableError, None, "The connection to {server} was lost"),
    2055: (RetryableError, None, "The connection to {server} was lost"),
}
