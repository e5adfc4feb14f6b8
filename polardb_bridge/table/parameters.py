"""Where a database is, and who connects: as a value, and as the url that people write."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from polardb_bridge.choices import TlsMode
from polardb_bridge.errors import InvalidInputError

DEFAULT_PORT = 3306


@dataclass(frozen=True)
class ConnectionParameters:
    """Where a database is and who connects. `repr` shows no password.

    resolved_ip: what to connect to instead of `host`, if a caller has resolved and checked it.
    tls_ca: path of a file with the certificate authorities to trust; the system's if None.
    timeout_s: how long a statement may keep quiet. None: a minute.
    is_writer: its sessions wait for locks a second or two only, and let their own go soon if this process is stopped.
    """

    host: str
    database: str
    user: str
    password: str = field(default="", repr=False)
    port: int = DEFAULT_PORT
    tls: str = TlsMode.DISABLED.value
    resolved_ip: str | None = None
    tls_ca: str | None = None
    timeout_s: int | None = None
    is_writer: bool = False

    def __post_init__(self) -> None:
        if not self.host:
            raise InvalidInputError("The host is empty.", field="host")
        if not self.database:
            raise InvalidInputError("The database is empty.", field="database")
        if not self.user:
            raise InvalidInputError("The user is empty.", field="user")
        if not 1 <= self.port <= 65535:
            raise InvalidInputError(f"The port {self.port} is not between 1 and 65535.", field="port")
        if self.tls not in TlsMode.values():
            raise InvalidInputError(f"TLS {self.tls!r} is not one of {', '.join(TlsMode.values())}.", field="tls")

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
            port = DEFAULT_PORT if parts.port is None else parts.port
            host = parts.hostname
            if "[" in parts.netloc.rpartition("@")[0]:
                # Only around an IPv6 address, and Python 3.10 does not look: it would take another host than was meant.
                raise ValueError
        except ValueError:
            # Not chained: urlsplit's own message can hold the part with the password.
            raise InvalidInputError(f"The database URL cannot be read. {hint}.") from None
        if parts.scheme.split("+")[0] not in ("mysql", "mariadb"):
            raise InvalidInputError(f"The database URL does not start with mysql://. {hint}.")
        options = parse_qs(parts.query, keep_blank_values=True)
        unknown = set(options) - {"tls"}
        if unknown:
            raise InvalidInputError(f"The database URL has an unknown option: {', '.join(sorted(unknown))}. {hint}.")
        if len(options.get("tls", [])) > 1:
            raise InvalidInputError(f"The database URL has the option tls more than once. {hint}.")
        database = unquote(parts.path.lstrip("/"))
        if not host or not parts.username or not database:
            raise InvalidInputError(f"The database URL lacks a user, a host or a database. {hint}.")
        return cls(
            host=host,
            port=port,
            database=database,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            tls=options.get("tls", [TlsMode.DISABLED.value])[-1],
        )

    def __str__(self) -> str:
        return f"{self.user}@{self.server}/{self.database}"

    @property
    def server(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    def table_address(self, table_name: str) -> str:
        return table_address(self.host, self.port, self.database, table_name)


def table_address(host: str, port: int, database: str, table_name: str) -> str:
    """Where a table is, the same for a host in capitals: `host:port/database.table`."""
    return f"{host.lower()}:{port}/{database}.{table_name}"
