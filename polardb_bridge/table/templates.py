"""Labeling templates: the rows of `annotation_template`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from polardb_bridge.characters import escaped, isolated
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.schema import template_table, validate_table

# Of a message.
MAX_LISTED = 10
MAX_SHOWN_LENGTH = 60


@dataclass(frozen=True)
class Template:
    """One labeling template; `schema` is what its `tp_schema` holds, parsed if it is JSON."""

    id: int
    name: str
    schema: Any


def find_template(connection: sa.Connection, id_or_name: str) -> Template:
    """The template of that id, or of that name; a name of digits only is found if no id fits.

    Raises:
        ReconfigureError: the template table is not there, or does not fit.
        InvalidInputError: there is none, or it is inactive; the message lists the active ones.
    """
    table = template_table()
    validate_table(connection, table)
    templates = connection.execute(sa.select(table).order_by(table.c.id)).all()
    by_id = [row for row in templates if str(row.id) == id_or_name]
    by_name = [row for row in templates if row.tp_name == id_or_name]
    active = _listed([f"{row.id} ({isolated(_short(row.tp_name))})" for row in templates if row.tp_is_active])
    for row in by_id + by_name:
        if not row.tp_is_active:
            value = _flag(row.tp_is_active)
            raise InvalidInputError(
                f"The template {id_or_name!r} is inactive (tp_is_active is {value}). Active templates: {active}."
            )
        return Template(row.id, row.tp_name, parse_schema(row.tp_schema))
    raise InvalidInputError(f"There is no template {_short(id_or_name)!r} in {table.name}. Active templates: {active}.")


def inactive(tp_is_active: int | None) -> str:
    """Why a template is inactive; empty if it is active. NULL counts as active nowhere."""
    return "" if tp_is_active else f"tp_is_active is {_flag(tp_is_active)}"


def _flag(value: int | None) -> str:
    return "NULL" if value is None else str(value)


def _listed(templates: list[str]) -> str:
    hidden = len(templates) - MAX_LISTED
    return ", ".join(templates[:MAX_LISTED]) + (f" and {hidden} more" if hidden > 0 else "") or "none"


def _short(name: str) -> str:
    return escaped(name if len(name) <= MAX_SHOWN_LENGTH else name[:MAX_SHOWN_LENGTH] + "…")


def parse_schema(value: Any) -> Any:
    """What `tp_schema` holds, parsed if it is JSON."""
    if isinstance(value, (str, bytes)):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
