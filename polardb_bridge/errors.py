"""Everything this package raises on purpose, named by the reaction it asks for.

    BridgeError
    ├── InvalidInputError   what was typed or stored is wrong: correct it
    │   ├── DeploymentExistsError   the name or the table is taken
    │   ├── TableTakenError         another project has the table
    │   └── NoSuchDeploymentError   nothing has that name
    ├── ReconfigureError    a person must change the connection, the account, its privileges or the table
    │   ├── DeniedError         somebody lacks a privilege for what was asked
    │   └── LoginRefusedError   user name or password is wrong: servers lock accounts that try too often
    ├── RetryableError      the same call can succeed later: the server is down, busy or read-only
    │   ├── ServerDownError     the server takes no logins: nobody else need try before one succeeds
    │   ├── DisconnectedError   the connection was lost: the next one may be better
    │   └── LockedError         others hold a lock: what they do not hold can go on
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


class TableTakenError(InvalidInputError):
    """Another target writes the table, or another source of the project reads it."""


class NoSuchDeploymentError(InvalidInputError):
    """There is no deployment, or allow-list, of that name."""


class ReconfigureError(BridgeError):
    """The connection, account, privileges or table must be changed by a person."""


class DeniedError(ReconfigureError):
    """Somebody may not do that. code: MySQL's number for it."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class LoginRefusedError(ReconfigureError):
    """The server does not take the user name or the password."""


class RetryableError(BridgeError):
    """The same call can succeed later without anybody changing anything here."""


class ServerDownError(RetryableError):
    """The server cannot be reached, or lets nobody in now."""


class DisconnectedError(RetryableError):
    """The connection was lost; whether the statement did anything is not known."""


class LockedError(RetryableError):
    """Another transaction holds a row or the table, or a deadlock was ended at our cost."""


class RowError(BridgeError):
    """One row cannot be read or written."""
