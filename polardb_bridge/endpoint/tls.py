"""TLS towards clients, by our certificate, and towards the database, as POLARDB_URL asks for it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from polardb_bridge.choices import TlsMode
from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.parameters import ConnectionParameters


@dataclass(frozen=True)
class Tls:
    """Both ends of what is encrypted: a client that talks in TLS has the server told so, and the other way round.

    To an account the two are one: its password goes in clear text if both believe that nobody else reads it.
    """

    towards_clients: ssl.SSLContext
    towards_server: ssl.SSLContext


def tls_for(database: ConnectionParameters, cert: str | None, key: str | None, ca: str | None) -> Tls | None:
    """None without a certificate, and if `database` is reached without TLS.

    Raises:
        ReconfigureError: there is a certificate without its key, or they cannot be used.
    """
    if bool(cert) != bool(key):
        raise ReconfigureError("POLARDB_MYSQL_TLS_CERT and POLARDB_MYSQL_TLS_KEY belong together: set both, or none.")
    if cert is None or database.tls == TlsMode.DISABLED:
        return None
    towards_clients = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Asked for a password, OpenSSL would wait for somebody at the terminal.
        towards_clients.load_cert_chain(cert, key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise ReconfigureError(
            f"The certificate of POLARDB_MYSQL_TLS_CERT and POLARDB_MYSQL_TLS_KEY cannot be used: {error.strerror}. "
            "Name a certificate in PEM and its own key, without a password."
        ) from None
    return Tls(towards_clients, _towards_server(database, ca))


def _towards_server(database: ConnectionParameters, ca: str | None) -> ssl.SSLContext:
    # Never with the client certificate of POLARDB_URL: accounts that ask for one (REQUIRE X509) ask it of their users.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = database.tls == TlsMode.VERIFY_IDENTITY
    if database.tls == TlsMode.REQUIRED:
        context.verify_mode = ssl.CERT_NONE
    elif ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs()
    return context
