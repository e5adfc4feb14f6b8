"""The rows of `annotation_template`, read and written as they stand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.schema import template_table, validate_table
from polardb_bridge.table.templates import parse_schema
from polardb_bridge.table.text import utf8


@dataclass(frozen=True)
class TemplateRow:
    """What a row holds. schema: the text of its `tp_schema`; description: empty if it is NULL."""

    name: str
    description: str
    schema: str
    is_active: bool

    def differences(self, other: TemplateRow) -> list[str]:
        """The fields that say something else; how JSON is written says nothing."""
        return [field for field, value in self._told().items() if other._told()[field] != value]

    def _told(self) -> dict[str, Any]:
        return asdict(self) | {"schema": parse_schema(self.schema)}


def count_templates(connection: sa.Connection) -> int | None:
    """How many templates there are; None if there is no template table."""
    table = template_table()
    if not sa.inspect(connection).has_table(table.name):
        return None
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def read_templates(connection: sa.Connection, first: int, limit: int) -> Sequence[tuple[int, TemplateRow]]:
    """Templates with their ids, by id; first: how many are passed over."""
    table = template_table()
    found = connection.execute(_select(table).order_by(table.c.id).offset(first).limit(limit))
    return [(row.id, _row(row)) for row in found]


def check_table(connection: sa.Connection) -> None:
    """See that the template table can be used.

    Raises:
        ReconfigureError: it is not there, or does not fit.
    """
    validate_table(connection, template_table())


def read_template(connection: sa.Connection, template_id: int) -> TemplateRow | None:
    """The template of that id, or None."""
    return _find(connection, template_table(), template_id, is_locked=False)


def add_template(connection: sa.Connection, added: TemplateRow) -> int:
    """Its id."""
    table = template_table()
    values = {column: value for column, (_field, value) in _values(added).items()}
    return int(connection.execute(table.insert().values(values)).lastrowid)


def change_template(
    connection: sa.Connection, template_id: int, before: TemplateRow, after: TemplateRow
) -> TemplateRow | None:
    """Write `after` if the row still is `before`, in the transaction of the connection; the row as it was found."""
    table = template_table()
    found = _find(connection, table, template_id, is_locked=True)
    if found is not None and not found.differences(before):
        changed = {
            column: value
            for column, (field, value) in _values(after).items()
            if getattr(found, field) != getattr(after, field)
        }
        if changed:
            connection.execute(table.update().where(table.c.id == template_id).values(changed))
    return found


def delete_template(connection: sa.Connection, template_id: int, before: TemplateRow) -> TemplateRow | None:
    """Delete the row if it still is `before`, in the transaction of the connection; the row as it was found."""
    table = template_table()
    found = _find(connection, table, template_id, is_locked=True)
    if found is not None and not found.differences(before):
        connection.execute(table.delete().where(table.c.id == template_id))
    return found


def id_of_name(connection: sa.Connection, name: str) -> int | None:
    """The id of the template that has this name, as the server compares names."""
    table = template_table()
    return connection.scalar(sa.select(table.c.id).where(table.c.tp_name == name))


def _find(connection: sa.Connection, table: sa.Table, template_id: int, *, is_locked: bool) -> TemplateRow | None:
    query = _select(table).where(table.c.id == template_id)
    row = connection.execute(query.with_for_update() if is_locked else query).first()
    return None if row is None else _row(row)


def _select(table: sa.Table) -> sa.Select[Any]:
    # As text: what the column holds is shown to the letter.
    return sa.select(
        table.c.id, utf8(table.c.tp_name), utf8(table.c.tp_description), utf8(table.c.tp_schema), table.c.tp_is_active
    )


def _row(row: Any) -> TemplateRow:
    name, description, schema = (
        (value or b"").decode(errors="replace") for value in (row.tp_name, row.tp_description, row.tp_schema)
    )
    return TemplateRow(name, description, schema, bool(row.tp_is_active))


def _values(row: TemplateRow) -> dict[str, tuple[str, Any]]:
    """By column, the field that it comes from, and what it holds then."""
    return {
        "tp_name": ("name", row.name),
        "tp_description": ("description", row.description or None),
        # Bound as text: a JSON library in between would write it in its own way.
        "tp_schema": ("schema", sa.literal(row.schema, sa.Text())),
        "tp_is_active": ("is_active", int(row.is_active)),
    }


def as_json(row: TemplateRow) -> str:
    """The row as a text that `from_json` reads."""
    return json.dumps(asdict(row), ensure_ascii=False)


def from_json(text: str) -> TemplateRow | None:
    """The row; None if the text is nothing that `as_json` gives."""
    try:
        values = json.loads(text)
        row = TemplateRow(**values)
    except (ValueError, TypeError, RecursionError):
        return None
    are_texts = all(isinstance(value, str) for value in (row.name, row.description, row.schema))
    return row if are_texts and isinstance(row.is_active, bool) else None
