"""The table of a storage by its mapping: which of its columns are what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from django.db import models

from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.columns import TableWarning, problems_of
from polardb_bridge.table.identity import name_of
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.schema import open_table, source_table
from polardb_bridge.table.text import quoted

OTHER_COLUMNS = TableWarning(
    "The table has other columns than the documented ones: the next step asks what they are for."
)


class MappedMixin(models.Model):
    """mapping: as `TableMapping.to_json` writes it; empty is the documented layout."""

    mapping = models.JSONField(
        default=dict, blank=True, help_text="Which columns are what (table/mapping.py); empty: the documented layout"
    )

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        table: str

    @property
    def table_mapping(self) -> TableMapping:
        return TableMapping.from_json(self.mapping)

    @property
    def runs_sql(self) -> bool:
        """Whether its statements hold SQL of people. Of a new storage, too, whose mapping is not whole yet."""
        return AskedMapping.from_json(self.mapping or {}).may_run_sql

    @property
    def query(self) -> str:
        """What is read in place of a table; empty if a table or a view is."""
        return AskedMapping.from_json(self.mapping or {}).query

    @property
    def identified_name(self) -> str:
        """What the server is asked about to tell it from all others."""
        return name_of(self.table, self.query)

    @property
    def source_table(self) -> sa.Table:
        """The table, to read and write by; nobody has looked whether the database holds it."""
        return source_table(self.table, self.table_mapping)

    @property
    def has_picture(self) -> bool:
        """Whether its rows hold pictures; else there are none to send, keep or verify."""
        return self.table_mapping.picture is not None

    @property
    def key_column(self) -> str:
        """What the rows are known by, in lower case as servers compare it: a column's name, or several in backticks.

        Of a query, whose name people choose, with what tells it from a table and from other queries.
        """
        mapping = self.table_mapping
        names = [name.lower() for name in mapping.key_columns]
        columns = names[0] if len(names) == 1 else ",".join(map(quoted, names))
        return f"{self.identified_name}: {columns}" if mapping.query else columns

    def has_other_columns(self, connection: sa.Connection) -> bool:
        """Whether the form has not asked yet what the columns are for (`mapping` is None), and that cannot be told.

        Raises:
            BridgeError: the table is not there.
        """
        if self.mapping is not None:
            return False
        return bool(problems_of(open_table(connection, self.table), source_table(self.table)))

    def complete_mapping(self, connection: sa.Connection) -> None:
        """What the mapping of a new storage leaves open, as the table has it (table/choosing.py); nothing is saved.

        Raises:
            BridgeError: the table is not there, or does not tell.
        """
        if self.mapping and self.pk is None:
            asked = AskedMapping.from_json(self.mapping)
            self.mapping = complete(asked, open_table(connection, self.table, asked.query)).to_json()
