"""Everything this package raises on purpose, named by the reaction it asks for.

    BridgeError
    ├── InvalidInputError   what was typed or stored is wrong: correct it
    │   ├── DeploymentExistsError   the name or the table is taken
    │   └── NoSuchDeploymentError   nothing has that name
    ├── ReconfigureError    a person must change the connection, the account, its privileges or the table
    ├── RetryableError      the same call can succeed later: the server is down, busy or read-only
    └── RowError            this row cannot be read or written; the others can

`field` names the storage field (`host`, `password`, `table`, …) that caused the error, so that a form can
show it in its place. No message ever holds a password.
"""

from __future__ import annotations


class BridgeError(Exception):
    """Base of all errors of this package; `str(error)` is one sentence for a person."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidInputError(BridgeError):
    """A value is wrong as it was typed or stored."""


class DeploymentExistsError(InvalidInputError):
    """There is a deployment of that name, or one for that table."""


class NoSuchDeploymentError(InvalidInputError):
    """There is no deployment, or allow-list, of that name."""


class ReconfigureError(BridgeError):
    """The connection, account, privileges or table must be changed by a person."""


class RetryableError(BridgeError):
    """The same call can succeed later without anybody changing anything here."""


class RowError(BridgeError):
    """One row cannot be read or written."""
