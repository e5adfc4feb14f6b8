"""What this package reads from the environment, in one place.

Nothing here is a Django setting: Label Studio shows all settings to superusers on its /version/ page, and
`POLARDB_URL` holds a password.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.networks import parse_networks
from polardb_bridge.table.connection import ConnectionParameters

UNIX_SOCKET = "unix"


@dataclass(frozen=True)
class Configuration:
    """The environment, read and checked.

    database: the account that the management commands use, from `POLARDB_URL`.
    allowed_hosts: host names, addresses and networks that storages may connect to although they are private.
    tls_ca: file with the certificate authorities that sign database servers; the system's where None.
    redis_url: Redis for background jobs; everything runs in the serving process where None.
    reconcile_every: how often rows are compared with Label Studio, never where None; from `POLARDB_RECONCILE_MINUTES`.
    shared_sync_rows: from so many new rows on, workers share a sync; from `POLARDB_SHARED_SYNC_ROWS`.
    trusted_proxies: networks of the proxies whose `X-Forwarded-For` counts, from `POLARDB_TRUSTED_PROXIES`.
    trusts_unix_socket: the same for a proxy that connects by a socket file; `unix` in that list.
    """

    database: ConnectionParameters | None
    allowed_hosts: tuple[str, ...]
    tls_ca: str | None
    redis_url: str | None
    reconcile_every: timedelta | None
    shared_sync_rows: int
    trusted_proxies: tuple[str, ...]
    trusts_unix_socket: bool


def configuration() -> Configuration:
    """Read the environment.

    Raises:
        InvalidInputError: a variable cannot be read; the message names it and shows no secret.
    """
    url = os.environ.get("POLARDB_URL", "").strip()
    tls_ca = os.environ.get("POLARDB_TLS_CA", "").strip() or None
    if tls_ca and not Path(tls_ca).is_file():
        raise InvalidInputError(f"POLARDB_TLS_CA: there is no file {tls_ca}.")
    try:
        database = ConnectionParameters.from_url(url) if url else None
    except InvalidInputError as error:
        raise InvalidInputError(f"POLARDB_URL: {error}", field=error.field) from None
    hosts = [host.strip() for host in os.environ.get("POLARDB_ALLOWED_HOSTS", "").split(",")]
    proxies = [proxy.strip() for proxy in os.environ.get("POLARDB_TRUSTED_PROXIES", "").split(",")]
    try:
        trusted_proxies = parse_networks(",".join(proxy for proxy in proxies if proxy.lower() != UNIX_SOCKET))
    except InvalidInputError as error:
        raise InvalidInputError(f"POLARDB_TRUSTED_PROXIES: {error}") from None
    return Configuration(
        database=database,
        allowed_hosts=tuple(host for host in hosts if host),
        tls_ca=tls_ca,
        redis_url=os.environ.get("REDIS_URL", "").strip() or None,
        reconcile_every=_reconcile_every(),
        shared_sync_rows=_shared_sync_rows(),
        trusted_proxies=trusted_proxies,
        trusts_unix_socket=any(proxy.lower() == UNIX_SOCKET for proxy in proxies),
    )


def _shared_sync_rows() -> int:
    text = os.environ.get("POLARDB_SHARED_SYNC_ROWS", "").strip() or "100000"
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InvalidInputError(f"POLARDB_SHARED_SYNC_ROWS: {text!r} is not a number of rows.")
    return int(text)


def _reconcile_every() -> timedelta | None:
    text = os.environ.get("POLARDB_RECONCILE_MINUTES", "").strip() or "60"
    try:
        minutes = float(text)
        return timedelta(minutes=minutes) if minutes > 0 else None
    except (ValueError, OverflowError):
        raise InvalidInputError(
            f"POLARDB_RECONCILE_MINUTES: {text!r} is not a number of minutes (0 turns it off)."
        ) from None


def command_database() -> ConnectionParameters:
    """The account of the management commands.

    Raises:
        InvalidInputError: `POLARDB_URL` is not set or cannot be read.
    """
    database = configuration().database
    if database is None:
        raise InvalidInputError("Set POLARDB_URL to your database: mysql://user:password@host:3306/database")
    return database
