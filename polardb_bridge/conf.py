"""What this package reads from the environment, in one place, parsed once.

Nothing here is a Django setting: Label Studio shows all settings to superusers on its /version/ page, and
`POLARDB_URL` holds a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.limits import Limits
from polardb_bridge.networks import contains, parse_address, parse_networks
from polardb_bridge.numbers import characters, columns, days, filters, flag, levels, minutes, rows, seconds
from polardb_bridge.table.parameters import ConnectionParameters

# Each variable with what it is if it is not set.
DEFAULTS: Mapping[str, str] = {
    "POLARDB_URL": "",
    "POLARDB_ALLOWED_HOSTS": "",
    "POLARDB_TLS_CA": "",
    "POLARDB_SALT_KEY": "polardb-bridge",
    "POLARDB_TRUSTED_PROXIES": "",
    "POLARDB_FRAME_ANCESTORS": "'self'",
    "POLARDB_TENANTS_MAY": "",
    "POLARDB_HSTS_SECONDS": "31536000",
    "POLARDB_LEGACY_TOKENS_OF_ADMINISTRATORS": "false",
    "POLARDB_TRUST_PATTERNS": "false",
    "POLARDB_SHARED_SYNC_ROWS": "100000",
    "POLARDB_RECONCILE_MINUTES": "60",
    "POLARDB_STATEMENT_RECORD_DAYS": "365",
    "POLARDB_MAX_CONFIG_LENGTH": "300000",
    "POLARDB_MAX_CONFIG_DEPTH": "30",
    "POLARDB_MAX_COLUMNS": "2000",
    "POLARDB_MAX_FILTERS": "200",
    "POLARDB_MAX_NESTING": "200",
    "POLARDB_MYSQL_OPERATORS": "",
    "POLARDB_MYSQL_TLS_CERT": "",
    "POLARDB_MYSQL_TLS_KEY": "",
    "REDIS_URL": "",
}
# What makes the server act for whoever sets it up.
LENDABLE = frozenset({"storages", "ml-backends", "webhooks", "import-urls"})
UNIX_SOCKET = "unix"

_HOST_NAME = re.compile(r"[\w.-]+")
_HOST_AND_PORT = re.compile(r"(\[(?P<v6>[0-9a-f:.]+)\]|(?P<host>[\w.-]+)):(?P<port>\d{1,5})", re.ASCII)

_SOURCE = re.compile(r"'self'|'none'|\*|(https?://)?[\w.*:-]+/?", re.ASCII)

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class AllowedHosts:
    """Hosts that storages may connect to although they are private.

    names: in lower case. networks: canonical. ports: hosts, as `_canonical` has them, each allowed at that port only.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[str, ...] = ()
    ports: frozenset[tuple[str, int]] = frozenset()

    def hold(self, host: str, port: int) -> bool:
        """Whether `host` may be connected to at `port`, by its name, its address, or a network around that address."""
        return any(
            name in self.names or (_canonical(name), port) in self.ports or contains(self.networks, name)
            for name in names_of(host)
        )


@dataclass(frozen=True)
class TrustedProxies:
    """The proxies whose `X-Forwarded-For` counts. unix_socket: also one that connects by a socket file."""

    networks: tuple[str, ...] = ()
    unix_socket: bool = False


@dataclass(frozen=True)
class Configuration:
    """The environment, read and checked.

    database: the account of the commands, from `POLARDB_URL`. database_problem: why that cannot be read, if so. Nothing
        but commands and statements needs it: people can label all the same.
    allowed_hosts: those of `POLARDB_ALLOWED_HOSTS`, and the host of `POLARDB_URL` at its port.
    tls_ca: file with the certificate authorities that sign database servers; the system's if None.
    salt_key: sets the key of stored passwords, which comes from Label Studio's SECRET_KEY, apart from others.
    trusted_proxies: from `POLARDB_TRUSTED_PROXIES`.
    frame_ancestors: who may show our pages in a frame, as sources of a Content-Security-Policy.
    tenants_may: what deployments' users may set up themselves, of LENDABLE.
    hsts_seconds: how long browsers come by HTTPS only, if LABEL_STUDIO_HOST is https://…; 0: not told.
    legacy_tokens_of_administrators: whether they let in.
    are_patterns_trusted: whether those of Label Studio's own storages may take for ever, as `(a+)+$` does.
    shared_sync_rows: from how many new rows on workers share a sync.
    reconcile_every: how often rows are compared with Label Studio; never if None.
    statement_records_kept: how long it is known who ran which statement; for ever if None.
    limits: of what one request may hold.
    mysql_operators: accounts of the database, `user` or `user@host`, that alone may change deployments over
        `serve_mysql`; if there are none, all may whose privileges suffice.
    mysql_tls_cert, mysql_tls_key: files with what `serve_mysql` shows to clients that come with TLS.
    redis_url: Redis for background jobs; everything runs in the serving process if None.
    """

    database: ConnectionParameters | None
    database_problem: str
    allowed_hosts: AllowedHosts
    tls_ca: str | None
    salt_key: str
    trusted_proxies: TrustedProxies
    frame_ancestors: tuple[str, ...]
    tenants_may: frozenset[str]
    hsts_seconds: int
    legacy_tokens_of_administrators: bool
    are_patterns_trusted: bool
    shared_sync_rows: int
    reconcile_every: timedelta | None
    statement_records_kept: timedelta | None
    limits: Limits
    mysql_operators: frozenset[str]
    mysql_tls_cert: str | None
    mysql_tls_key: str | None
    redis_url: str | None


def configuration() -> Configuration:
    """The configuration; parsed again only if a variable has changed.

    Raises:
        InvalidInputError: a variable other than `POLARDB_URL` cannot be read; the message names it and shows no secret.
    """
    return _parse(tuple(_text(name, default) for name, default in DEFAULTS.items()))


def _text(name: str, default: str) -> str:
    if name == "POLARDB_SALT_KEY":
        # To the letter, even if it is empty: passwords are stored with the key that it makes.
        return os.environ.get(name, default)
    return os.environ.get(name, "").strip() or default


def command_database() -> ConnectionParameters:
    """The account of the management commands.

    Raises:
        InvalidInputError: `POLARDB_URL` is not set or cannot be read.
    """
    database = configuration().database
    if configuration().database_problem:
        raise InvalidInputError(configuration().database_problem)
    if database is None:
        raise InvalidInputError(
            "POLARDB_URL is not set. Set it to your database: mysql://user:password@host:3306/database"
        )
    return database


@lru_cache(maxsize=1)
def _parse(values: tuple[str, ...]) -> Configuration:
    texts = dict(zip(DEFAULTS, values, strict=True))

    def read(name: str, parse: Callable[[str], _Value]) -> _Value:
        try:
            return parse(texts[name])
        except InvalidInputError as error:
            raise InvalidInputError(f"{name}: {error}", field=error.field) from None

    database, database_problem = None, ""
    try:
        database = read("POLARDB_URL", _database)
    except InvalidInputError as error:
        database_problem = str(error)
    hosts = read("POLARDB_ALLOWED_HOSTS", _allowed_hosts)
    if database:
        hosts = replace(hosts, ports=hosts.ports | {(_canonical(database.host), database.port)})
    return Configuration(
        database=database,
        database_problem=database_problem,
        allowed_hosts=hosts,
        tls_ca=read("POLARDB_TLS_CA", _file),
        salt_key=texts["POLARDB_SALT_KEY"],
        trusted_proxies=read("POLARDB_TRUSTED_PROXIES", _trusted_proxies),
        frame_ancestors=read("POLARDB_FRAME_ANCESTORS", _sources),
        tenants_may=read("POLARDB_TENANTS_MAY", _kinds),
        hsts_seconds=read("POLARDB_HSTS_SECONDS", seconds),
        legacy_tokens_of_administrators=read("POLARDB_LEGACY_TOKENS_OF_ADMINISTRATORS", flag),
        are_patterns_trusted=read("POLARDB_TRUST_PATTERNS", flag),
        shared_sync_rows=read("POLARDB_SHARED_SYNC_ROWS", rows),
        reconcile_every=read("POLARDB_RECONCILE_MINUTES", minutes),
        statement_records_kept=read("POLARDB_STATEMENT_RECORD_DAYS", days),
        limits=Limits(
            config_length=read("POLARDB_MAX_CONFIG_LENGTH", characters),
            config_depth=read("POLARDB_MAX_CONFIG_DEPTH", levels),
            columns=read("POLARDB_MAX_COLUMNS", columns),
            filters=read("POLARDB_MAX_FILTERS", filters),
            nesting=read("POLARDB_MAX_NESTING", levels),
        ),
        mysql_operators=frozenset(each.strip() for each in texts["POLARDB_MYSQL_OPERATORS"].split(",") if each.strip()),
        mysql_tls_cert=read("POLARDB_MYSQL_TLS_CERT", _file),
        mysql_tls_key=read("POLARDB_MYSQL_TLS_KEY", _file),
        redis_url=read("REDIS_URL", _redis),
    )


def _database(text: str) -> ConnectionParameters | None:
    return ConnectionParameters.from_url(text) if text else None


def names_of(host: str) -> tuple[str, ...]:
    """All names and addresses of `host` that are the same here, in lower case."""
    # Connections to `localhost` go there.
    return ("localhost", "127.0.0.1") if host.lower() in ("localhost", "127.0.0.1") else (host.lower(),)


def is_shared_account(host: str, port: int, user: str) -> bool:
    """Whether that is the account of `POLARDB_URL`, whose statements and deployments many share."""
    shared = configuration().database
    return bool(
        shared and set(names_of(shared.host)) & set(names_of(host)) and (shared.port, shared.user) == (port, user)
    )


def _canonical(host: str) -> str:
    return str(parse_address(host) or host.lower())


def _allowed_hosts(text: str) -> AllowedHosts:
    entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
    with_port = {entry: found for entry in entries if (found := _HOST_AND_PORT.fullmatch(entry))}
    ports = frozenset((_canonical(found["v6"] or found["host"]), int(found["port"])) for found in with_port.values())
    entries = [entry for entry in entries if entry not in with_port]
    # A host's name holds neither a slash nor a colon, and is more than digits and dots.
    networks = [entry for entry in entries if "/" in entry or ":" in entry or entry.replace(".", "").isdecimal()]
    names = frozenset(entries) - frozenset(networks)
    for name in sorted(names):
        if not _HOST_NAME.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} is not a host name: write names, addresses and networks with commas between them."
            )
    return AllowedHosts(names, parse_networks(",".join(networks)), ports)


def _trusted_proxies(text: str) -> TrustedProxies:
    entries = [entry.strip() for entry in text.split(",")]
    networks = [entry for entry in entries if entry.lower() != UNIX_SOCKET]
    return TrustedProxies(parse_networks(",".join(networks)), unix_socket=len(networks) < len(entries))


def _sources(text: str) -> tuple[str, ...]:
    sources = tuple(text.replace(",", " ").split())
    for source in sources:
        if not _SOURCE.fullmatch(source):
            raise InvalidInputError(
                f"{source[:100]!r} is not a source of a Content-Security-Policy: write 'self', 'none', or addresses "
                "such as https://portal.example.com with spaces between them."
            )
    return sources


def _file(text: str) -> str | None:
    if not text:
        return None
    try:
        is_file = Path(text).is_file()
    except OSError as error:
        raise InvalidInputError(f"{text[:200]} cannot be read: {error.strerror}.") from None
    if not is_file:
        raise InvalidInputError(f"there is no file {text}.")
    return str(Path(text).absolute())


def _redis(text: str) -> str | None:
    if not text:
        return None
    from redis.connection import parse_url  # most of what importing this module would take

    try:
        parse_url(text)  # type: ignore[no-untyped-call]
    except ValueError:
        # Its reason may show the password.
        raise InvalidInputError(
            "this is no address of Redis: write redis://host:6379/0, or redis://:password@host:6379/0."
        ) from None
    return text


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(text.replace(",", " ").split())
    unknown = kinds - LENDABLE
    if unknown:
        raise InvalidInputError(f"{min(unknown)[:50]!r} is none of {', '.join(sorted(LENDABLE))}.")
    return kinds
