"""Which table a storage is known to lead to, kept beside its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from django.db import IntegrityError, models, transaction

from polardb_bridge.table.identity import TableIdentity, read_identity


class IdentityMixin(models.Model):
    """known_as: what the server said that the table is, and the address that led there; None if nobody has asked.

    owned_table: the key of that identity, if no other storage has it (owners.py); None otherwise.
    """

    known_as = models.JSONField(null=True, editable=False)
    owned_table = models.CharField(max_length=64, null=True, editable=False)  # noqa: DJ001  # "" would be one table

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        host: str
        port: int
        database: str
        table: str

        @property
        def table_address(self) -> str: ...

        @property
        def identified_name(self) -> str: ...

    @property
    def address(self) -> dict[str, Any]:
        """The fields that say where the table is."""
        return {"host": self.host, "port": self.port, "database": self.database, "table": self.table}

    @property
    def identity(self) -> TableIdentity | None:
        """Which table this is; None while that is not known of the present address."""
        known = self.known_as
        if not known or known["address"] != self.table_address:
            return None
        return TableIdentity(known["server"], known["path"])

    @property
    def owns_table(self) -> bool:
        """Whether another one of its kind would be one too many."""
        return True

    @property
    def claim(self) -> str | None:
        """The table that is this storage's, if nobody has it, as `owned_table` holds it."""
        return self.identity.key if self.identity and self.owns_table else None

    def identify(self, connection: sa.Connection) -> None:
        """Ask the server, and keep the answer; a storage that is not saved yet keeps it until it is.

        What nobody has of the table becomes this storage's.

        Raises:
            BridgeError: the server does not answer.
        """
        found = known_as(self.table_address, read_identity(connection, self.identified_name))
        if found != self.known_as:
            self.known_as = found
            self._as_saved().update(known_as=found)
        self.take_table()

    def take_table(self) -> None:
        """Become the owner of the table that is known, if nobody is."""
        claim = self.claim
        if claim and self.owned_table != claim:
            self.owned_table = claim if self._take(claim) else None

    def _as_saved(self) -> models.QuerySet[Any]:
        """This storage, if it was saved with this address."""
        return type(self)._base_manager.filter(pk=self.pk, **self.address)

    def _take(self, key: str) -> bool:
        try:
            with transaction.atomic():
                return bool(self._as_saved().update(owned_table=key))
        except IntegrityError:
            self._as_saved().update(owned_table=None)
            return False


def known_as(address: str, identity: TableIdentity) -> dict[str, str]:
    """What a storage of this `table_address` keeps."""
    return {"address": address, "server": identity.server, "path": identity.path}
