"""Connections to the user's database: one pooled engine per distinct address, account and TLS mode."""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import MySQLdb
import sqlalchemy as sa
from MySQLdb.constants import CLIENT
from sqlalchemy import event

from polardb_bridge.choices import TlsMode
from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table import session
from polardb_bridge.table.budget import Budget, BudgetedPool
from polardb_bridge.table.client_certificate import certificate_files
from polardb_bridge.table.driver_errors import translated_errors, unreachable
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.time_limit import TimeIsUpError, call_in_time, leave, time_limit, watch

# A person waits for "Test connection" no longer than 5 s.
CONNECT_TIMEOUT_S = 3
# What the client library allows anew with each read of the server's greeting.
_LOGIN_TIME_LIMIT_S = 5.0
# For all that is done between `connect` or `begin` and its end, unless the caller has set another limit.
WORK_TIME_LIMIT_S = 60.0
READ_TIMEOUT_S = 60
WRITE_TIMEOUT_S = 60
# A session keeps the privileges that it began with.
POOL_RECYCLE_S = 240
# How long somebody waits for a connection while all that the account may have are in use.
PATIENCE_S = 60
HASTY_PATIENCE_S = 10
# What write-back waits for others (a table lock: ALTER TABLE, LOCK TABLES); what is locked is tried again.
_ROW_LOCK_TIMEOUT_S = 1
_TABLE_LOCK_TIMEOUT_S = 3
# A process that is stopped between its UPDATE and its COMMIT would hold its locks for ever.
_IDLE_TRANSACTION_TIMEOUT_S = 10


_CLIENT_OPTIONS = Path(__file__).with_name("client.cnf")

# The least recently used go first: storages are changed and deleted, and passwords tried.
_MAX_ENGINES = 32
_engines: OrderedDict[ConnectionParameters, sa.Engine] = OrderedDict()
_budgets: dict[tuple[str, int, str], Budget] = {}
_engines_lock = threading.Lock()


def engine_for(parameters: ConnectionParameters) -> sa.Engine:
    """The pooled engine of these parameters, created at the first call. Nothing connects yet."""
    outdated = None
    with _engines_lock:
        engine = _engines.get(parameters)
        if engine is None:
            engine = _engines[parameters] = _create_engine(parameters)
            if len(_engines) > _MAX_ENGINES:
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
    _inherited.append((dict(_engines), dict(_budgets)))
    _engines.clear()
    _budgets.clear()


_inherited: list[Any] = []
os.register_at_fork(after_in_child=_forget_inherited)


def _create_engine(parameters: ConnectionParameters) -> sa.Engine:
    # Servers count by account: whatever its connections are for, they come out of one budget.
    budget = _budgets.setdefault((parameters.host.lower(), parameters.port, parameters.user), Budget())
    engine = sa.create_engine(
        sa.URL.create("mysql+mysqldb", username=parameters.user, password=parameters.password),
        connect_args=_connect_arguments(parameters),
        poolclass=BudgetedPool,
        budget=budget,
        is_writer=parameters.is_writer,
        patience_s=HASTY_PATIENCE_S if parameters.timeout_s else PATIENCE_S,
        pool_recycle=POOL_RECYCLE_S,
        # Statements of ours hold images and results: never in an error message or a log.
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def log_in(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> Any:
        return _log_in(parameters, options)

    # First of all: SQLAlchemy learns here what the session's names and texts look like.
    @event.listens_for(engine, "connect", insert=True)
    def set_up_session(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        try:
            if parameters.tls != TlsMode.DISABLED:
                _require_encryption(connection, parameters)
            budget.learn(lambda: _max_connections(cursor))
            limits: dict[str, object] = {}
            is_mariadb = "MariaDB" in connection.get_server_info()
            if parameters.is_writer:
                # MySQL has no limit for idle transactions, only one for idle sessions.
                limits = {
                    "innodb_lock_wait_timeout": _ROW_LOCK_TIMEOUT_S,
                    "lock_wait_timeout": _TABLE_LOCK_TIMEOUT_S,
                    "idle_write_transaction_timeout" if is_mariadb else "wait_timeout": _IDLE_TRANSACTION_TIMEOUT_S,
                }
            if parameters.read_only:
                limits |= session.read_only(is_mariadb=is_mariadb)
            cursor.execute(session.set_up_with(limits))
        finally:
            cursor.close()

    return engine


def _log_in(parameters: ConnectionParameters, options: dict[str, Any]) -> Any:
    began = time.monotonic()
    try:
        connection = call_in_time(
            parameters.server,
            lambda: MySQLdb.connect(**options),
            _LOGIN_TIME_LIMIT_S,
            too_late=lambda late: late.close(),
        )
    except TimeIsUpError:
        # At once, if others wait for this server already.
        seconds = time.monotonic() - began
        raise unreachable(parameters, "", seconds if seconds >= 1 else _LOGIN_TIME_LIMIT_S) from None
    watch(connection)  # SQLAlchemy asks for the server's version, and more, before anybody has the connection
    return connection


def _require_encryption(connection: Any, parameters: ConnectionParameters) -> None:
    # MariaDB's client library (3.3, Debian 12) connects in plain text to a server without TLS although
    # ssl_mode=REQUIRED is set. What the server says of it (Ssl_cipher) is about its own end: a proxy may speak TLS to
    # one side only. So our own end is asked: whether the library has switched to TLS before it sent the password.
    if not connection.client_flag & CLIENT.SSL:
        raise ReconfigureError(
            f"The server {parameters.server} does not offer TLS. Turn TLS on there, or set TLS to disabled.",
            field="tls",
        )


def _max_connections(cursor: Any) -> int:
    """How many connections the account may have at once (`max_user_connections`); 0: no limit of its own."""
    cursor.execute("SELECT @@max_user_connections")
    try:
        return int(cursor.fetchone()[0])
    except (TypeError, ValueError, IndexError):
        return 0  # not what a server answers: what is done next will show


def _connect_arguments(parameters: ConnectionParameters) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "host": parameters.resolved_ip or parameters.host,
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
    certificate = certificate_files(parameters)
    if parameters.tls in (TlsMode.VERIFY_CA, TlsMode.VERIFY_IDENTITY):
        # The certificate names the host: connect by name. A rebound name then leads to a server without the
        # certificate, so nothing is lost against connecting to the checked IP address.
        arguments["host"] = parameters.host
        certificate["ca"] = parameters.tls_ca or ssl.get_default_verify_paths().cafile or ""
    else:
        # Whoever is in between could ask for the password in clear text (tests/security/test_hostile_server.py).
        arguments |= {"read_default_file": str(_CLIENT_OPTIONS), "read_default_group": "polardb-bridge"}
    if arguments["host"].lower() == "localhost":
        # The client library takes the name for a Unix socket.
        arguments["host"] = "127.0.0.1"
    return arguments | ({"ssl": certificate} if certificate else {})


@contextmanager
def connect(parameters: ConnectionParameters) -> Iterator[sa.Connection]:
    """A connection from the pool for reading; driver errors raised within come out as this package's errors.

    Each statement stands by itself: a long read in one transaction would keep ALTER TABLE waiting, and all others
    behind that.
    """
    with (
        time_limit(WORK_TIME_LIMIT_S),
        translated_errors(parameters),
        open_connection(engine_for(parameters)) as connection,
    ):
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def begin(parameters: ConnectionParameters) -> Iterator[sa.Connection]:
    """Like `connect`, in a transaction that commits at the end and rolls back on an error."""
    with (
        time_limit(WORK_TIME_LIMIT_S),
        translated_errors(parameters),
        open_connection(engine_for(parameters)) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def open_connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection from the pool, for the work that this thread does within its time limit."""
    with engine.connect() as connection:
        connected = connection.connection.dbapi_connection
        watch(connected)
        try:
            yield connection
        finally:
            leave(connected)
