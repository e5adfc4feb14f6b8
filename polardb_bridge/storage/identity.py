"""Which table a storage is known to lead to, kept beside its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from django.db import models

from polardb_bridge.table.identity import TableIdentity, read_identity


class IdentityMixin(models.Model):
    """known_as: what the server said that the table is, and the address that led there; None if nobody has asked."""

    known_as = models.JSONField(null=True, editable=False)

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        table: str

        @property
        def table_address(self) -> str: ...

    @property
    def identity(self) -> TableIdentity | None:
        """Which table this is; None while that is not known of the present address."""
        known = self.known_as
        if not known or known["address"] != self.table_address:
            return None
        return TableIdentity(known["server"], known["path"])

    def identify(self, connection: sa.Connection) -> None:
        """Ask the server, and keep the answer; a storage that is not saved yet keeps it until it is.

        Raises:
            BridgeError: the server does not answer.
        """
        found = known_as(self.table_address, read_identity(connection, self.table))
        if found != self.known_as:
            self.known_as = found
            type(self)._base_manager.filter(pk=self.pk).update(known_as=found)


def known_as(address: str, identity: TableIdentity) -> dict[str, str]:
    """What a storage of this `table_address` keeps."""
    return {"address": address, "server": identity.server, "path": identity.path}
