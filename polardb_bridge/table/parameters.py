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
    tls_cert, tls_key: paths of files with our own certificate and its private key, for accounts that ask for one.
    timeout_s: how long a statement may keep quiet. None: a minute.
    is_writer: its sessions wait for locks a second or two only, and let their own go soon if this process is stopped.
    read_only: its sessions write nothing, whatever SQL of people they run, and the server itself ends what takes long.
    """

    host: str
    database: str
    user: str
    password: str = field(default="", repr=False)
    port: int = DEFAULT_PORT
    tls: str = TlsMode.DISABLED.value
    resolved_ip: str | None = None
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    timeout_s: int | None = None
    is_writer: bool = False
    read_only: bool = False

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
        if bool(self.tls_cert) != bool(self.tls_key):
            missing = "tls_key" if self.tls_cert else "tls_cert"
            raise InvalidInputError("tls_cert and tls_key belong together: name both files, or none.", field=missing)
        if self.tls_cert and self.tls == TlsMode.DISABLED:
            raise InvalidInputError(
                "A client certificate is for TLS, which is disabled: set TLS to required.", field="tls"
            )

    @classmethod
    def from_url(cls, url: str) -> ConnectionParameters:
        """Read `mysql://user:password@host:3306/database?tls=required&tls_cert=/a.pem&tls_key=/b.pem`.

        User, password, database and files are percent-decoded.

        Raises:
            InvalidInputError: the URL is not of that form; the message does not repeat it.
        """
        hint = "Write it as mysql://user:password@host:3306/database?tls=required"
        try:
            parts = urlsplit(url)
            port = DEFAULT_PORT if parts.port is None else parts.port
            host = parts.hostname
        except ValueError:
            # Not chained: urlsplit's own message can hold the part with the password.
            raise _unreadable(url, "The database URL cannot be read", hint) from None
        account = parts.netloc.rpartition("@")[0]
        if "[" in account or "]" in account or parts.fragment or "@" in parts.path + parts.query:
            # It would be read as another host, password or database than was meant.
            raise _unreadable(url, "The database URL cannot be read", hint)
        if parts.scheme.split("+")[0] not in ("mysql", "mariadb"):
            raise InvalidInputError(f"The database URL does not start with mysql://. {hint}.")
        options = parse_qs(parts.query, keep_blank_values=True)
        unknown = set(options) - {"tls", "tls_cert", "tls_key"}
        if unknown:
            raise InvalidInputError(f"The database URL has an unknown option: {', '.join(sorted(unknown))}. {hint}.")
        for option, values in options.items():
            if len(values) > 1:
                raise InvalidInputError(f"The database URL has the option {option} more than once. {hint}.")
        database = unquote(parts.path.lstrip("/"))
        if not host or not parts.username or not database:
            raise _unreadable(url, "The database URL lacks a user, a host or a database", hint)
        return cls(
            host=host,
            port=port,
            database=database,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            tls=options.get("tls", [TlsMode.DISABLED.value])[0],
            tls_cert=options.get("tls_cert", [""])[0] or None,
            tls_key=options.get("tls_key", [""])[0] or None,
        )

    def __str__(self) -> str:
        return f"{self.user}@{self.server}/{self.database}"

    @property
    def what_else_logins_need(self) -> str:
        """What an account may ask for that this connection lacks; servers say "Access denied" of that, too."""
        if self.tls == TlsMode.DISABLED:
            return "TLS is required (REQUIRE SSL, require_secure_transport): then set TLS to required"
        if not self.tls_cert:
            return "a client certificate is required (REQUIRE X509): then name one by tls_cert and tls_key"
        return "another client certificate is required (REQUIRE SUBJECT, REQUIRE ISSUER)"

    @property
    def server(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"

    def table_address(self, table_name: str) -> str:
        return table_address(self.host, self.port, self.database, table_name)


def _unreadable(url: str, problem: str, hint: str) -> InvalidInputError:
    """The error for a URL that does not have the parts that it should; it does not repeat the URL."""
    account = url.partition("://")[2].rpartition("@")[0]
    if any(character in account for character in "#/?[]"):
        return InvalidInputError(
            "The database URL has a character in the user or the password that ends it: percent-encode # as %23, / as "
            "%2F, ? as %3F, @ as %40, [ as %5B and ] as %5D."
        )
    return InvalidInputError(f"{problem}. {hint}.")


def table_address(host: str, port: int, database: str, table_name: str) -> str:
    """Where a table is, the same for a host in capitals: `host:port/database.table`."""
    return f"{host.lower()}:{port}/{database}.{table_name}"
