"""Secrets in Label Studio's database."""

from __future__ import annotations

import base64
from typing import Any

from encrypted_fields.fields import EncryptedTextField

from polardb_bridge.errors import ReconfigureError

# https://github.com/fernet/spec: version, time, initial vector, blocks of 16 bytes, digest.
_VERSION, _BYTES_AROUND, _BLOCK_BYTES = 0x80, 1 + 8 + 16 + 32, 16


def is_encrypted(secret: str | None) -> bool:
    """Whether a secret is still as it is stored, because it was encrypted with another SECRET_KEY."""
    try:
        token = base64.b64decode(secret or "", altchars=b"-_", validate=True)
    except ValueError:
        return False
    blocks = len(token) - _BYTES_AROUND
    return blocks > 0 and blocks % _BLOCK_BYTES == 0 and token[0] == _VERSION


def readable(secret: str | None) -> str:
    """The secret; empty if there is none.

    Raises:
        ReconfigureError: it was encrypted with another SECRET_KEY.
    """
    if is_encrypted(secret):
        raise ReconfigureError(
            "The stored password was encrypted with another SECRET_KEY: type it again, or set that SECRET_KEY.",
            field="password",
        )
    return secret or ""


class _SecretField(EncryptedTextField):
    """A text that is stored encrypted, and stays so in what `dumpdata` writes; `loaddata` takes that back.

    What another SECRET_KEY has encrypted is not encrypted once more: with that key, it can be read again.
    """

    def get_prep_value(self, value: Any) -> Any:
        return value if is_encrypted(value) else super().get_prep_value(value)

    def value_to_string(self, obj: Any) -> Any:
        return self.get_prep_value(self.value_from_object(obj))

    def deconstruct(self) -> Any:
        name, _, arguments, keywords = super().deconstruct()
        # To migrations it is the same column.
        return name, "encrypted_fields.fields.EncryptedTextField", arguments, keywords


# Without types, as Django's own fields are: on an instance it is a text.
SecretField: Any = _SecretField
