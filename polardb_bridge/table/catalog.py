"""What a database offers for labeling: its templates and its source tables."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.characters import escaped
from polardb_bridge.table.schema import TEMPLATE_TABLE, source_table, table_name_problem, template_table
from polardb_bridge.table.templates import Template, inactive, parse_schema

# A page lists no more.
MAX_TABLES = 2000


@dataclass(frozen=True)
class Offer:
    """One template or table. value: what names it in a statement. label: what people call it, all of it to be seen.

    rows: of a table, as the server estimates them. problem: why it cannot be deployed; empty if
    it can, as far as is known. is_documented: a table has the columns of the documented layout.
    """

    value: str
    label: str
    rows: int | None = None
    problem: str = ""
    is_documented: bool = True

    @property
    def as_typed(self) -> str:
        """A template by its name, which tells what it is; by its id if that cannot be typed, or could be one."""
        is_plain = self.label and not set(self.label) & set("'\"`\\") and not self.label.isdigit()
        return self.label if is_plain else self.value


def templates(connection: sa.Connection) -> list[tuple[Template, str]]:
    """The templates by id, each with the reason if it is inactive; none if there is no template table."""
    table = template_table()
    if not sa.inspect(connection).has_table(table.name):
        return []
    rows = connection.execute(sa.select(table).order_by(table.c.id))
    return [(Template(row.id, row.tp_name, parse_schema(row.tp_schema)), inactive(row.tp_is_active)) for row in rows]


def source_tables(connection: sa.Connection, *, with_others: bool = False) -> list[Offer]:
    """The tables that have the columns of a source table, by name; with_others: and then all others, views too."""
    columns = source_table("any").columns.keys()
    query = sa.text(
        "SELECT t.TABLE_NAME AS name, MAX(t.TABLE_ROWS) AS row_count, "
        " COUNT(c.COLUMN_NAME) = :number AND MAX(t.TABLE_TYPE) <> 'VIEW' AS is_documented"
        " FROM information_schema.TABLES t LEFT JOIN information_schema.COLUMNS c"
        " ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME AND c.COLUMN_NAME IN :columns"
        " WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME <> :templates"
        " GROUP BY t.TABLE_NAME HAVING is_documented OR :others ORDER BY is_documented DESC, t.TABLE_NAME LIMIT :most"
    ).bindparams(sa.bindparam("columns", expanding=True))
    values = {"columns": columns, "number": len(columns), "others": with_others}
    found = connection.execute(query, {**values, "templates": TEMPLATE_TABLE, "most": MAX_TABLES})
    return [
        Offer(
            row.name, escaped(row.name), int(row.row_count or 0), table_name_problem(row.name), bool(row.is_documented)
        )
        for row in found
    ]
