"""Secrets in Label Studio's database."""

from __future__ import annotations

from typing import Any

from encrypted_fields.fields import EncryptedTextField


class _SecretField(EncryptedTextField):
    """A text that is stored encrypted, and stays so in what `dumpdata` writes; `loaddata` takes that back."""

    def value_to_string(self, obj: Any) -> Any:
        return self.get_prep_value(self.value_from_object(obj))

    def deconstruct(self) -> Any:
        name, _, arguments, keywords = super().deconstruct()
        # To migrations it is the same column.
        return name, "encrypted_fields.fields.EncryptedTextField", arguments, keywords


# Without types, as Django's own fields are: on an instance it is a text.
SecretField: Any = _SecretField
