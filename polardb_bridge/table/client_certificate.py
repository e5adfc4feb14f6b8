"""The certificate that we show to a server: looked at before it is used, as no library says well what is wrong."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.parameters import ConnectionParameters

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def certificate_files(parameters: ConnectionParameters) -> dict[str, str]:
    """The `cert` and `key` of the client library's `ssl`; empty if there is no certificate.

    Raises:
        ReconfigureError: a file cannot be read or used, or others may read the private key.
    """
    if not parameters.tls_cert or not parameters.tls_key:
        return {}
    for field, path in (("tls_cert", parameters.tls_cert), ("tls_key", parameters.tls_key)):
        try:
            Path(path).open("rb").close()
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or error
            raise ReconfigureError(f"The file {path} of {field} cannot be read: {said}.", field=field) from None
    _check_private(parameters.tls_key)
    try:
        # Without a prompt: nobody sits there to type the password of a key.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(
            parameters.tls_cert, parameters.tls_key, password=lambda: ""
        )
    except (ssl.SSLError, ValueError) as error:
        said = getattr(error, "reason", None) or error
        raise ReconfigureError(
            f"The client certificate {parameters.tls_cert} with the key {parameters.tls_key} cannot be used ({said}): "
            "both must be PEM and belong together, and the key have no password.",
            field="tls_cert",
        ) from None
    return {"cert": parameters.tls_cert, "key": parameters.tls_key}


def _check_private(path: str) -> None:
    """As PostgreSQL has it: for its owner alone, or root's and readable for our group."""
    found = Path(path).stat()
    allowed = stat.S_IRGRP if found.st_uid == 0 else 0
    if found.st_mode & _OF_OTHERS & ~allowed:
        raise ReconfigureError(
            f"Others may read or change the private key {path}: let its owner alone have it (chmod 600).",
            field="tls_key",
        )
