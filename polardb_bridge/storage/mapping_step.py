"""What a form shows of a table whose columns are to be given their uses: as proposed, or as somebody has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.image_field import image_field, shown_fields
from polardb_bridge.storage.preview import first_tasks
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.columns import kinds_for, problems_of
from polardb_bridge.table.excerpts import first_values
from polardb_bridge.table.fields import Field, typed
from polardb_bridge.table.filtering import check_sql
from polardb_bridge.table.found import FoundTable
from polardb_bridge.table.inspection import Inspection, inspect
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.privileges import check_select
from polardb_bridge.table.proposal import fitted
from polardb_bridge.table.result_columns import RESULT_ROLES
from polardb_bridge.table.schema import labeling_warnings, open_table, source_table
from polardb_bridge.table.trial import Trial, try_mapping

# Tasks of the live preview.
SHOWN_TASKS = 3


@dataclass(frozen=True)
class Look:
    """mapping: complete and fit for the table; None if it is not. answer: what the form is told, as JSON."""

    found: FoundTable
    mapping: TableMapping | None
    answer: dict[str, Any]


def look(
    connection: sa.Connection,
    name: str,
    value: Any,
    label_config: str | None,
    *,
    to_write: bool = False,
    with_columns: bool = False,
) -> Look:
    """The table's columns, a mapping of them with all that is wrong with it, and the first tasks.

    value: a mapping's JSON; None: as the table and the interface suggest. to_write: its rows take results.
    with_columns: tell of all columns, as is done with a proposal.

    Raises:
        BridgeError: the table cannot be read at all.
    """
    found = open_table(connection, name)
    answer: dict[str, Any] = {"warnings": [], "tasks": []}
    if value is None or with_columns:
        inspection = inspect(connection, found)
        value = propose(inspection, label_config) if value is None else value
        answer |= {
            "columns": _columns(inspection, first_values(connection, found)),
            "looked_at": inspection.looked_at,
            "roles": RESULT_ROLES,
        }
    trial = try_mapping(found, value, to_write=to_write)
    mapping = trial.mapping
    if mapping:
        trial.attempt("data", lambda: image_field(label_config, mapping))
    if mapping and not trial.problems:
        part = "filter" if mapping.filter else "version"
        trial.attempt(part, lambda: check_sql(connection, source_table(found.name, mapping)))
    if mapping and not trial.problems:
        trial.attempt("", lambda: check_select(connection, source_table(found.name, mapping)))
    if mapping and not trial.problems:
        warnings = labeling_warnings(connection, found, mapping)
        tasks = first_tasks(connection, source_table(found.name, mapping), SHOWN_TASKS)
        answer |= {"warnings": warnings, "tasks": tasks}
    answer |= {
        "mapping": mapping.to_json() if mapping else value,
        "uses": _uses(mapping, value),
        "problems": [asdict(problem) for problem in trial.problems],
    }
    return Look(found, None if trial.problems else mapping, answer)


def propose(inspection: Inspection, label_config: str | None) -> Any:
    """The JSON of a mapping; empty for the documented layout, if the interface shows what that has."""
    found = inspection.found
    if not problems_of(found, source_table(found.name)):
        try:
            image_field(label_config)
        except BridgeError:
            pass
        else:
            return {}
    proposal = fitted(inspection, shown_fields(label_config))
    data = {name: str(read) for name, read in (proposal.data or {}).items()}
    return {"data": data, "key": list(found.key), "name": proposal.name or "", "version": proposal.version or ""}


def _columns(inspection: Inspection, first: dict[str, str | None]) -> list[dict[str, Any]]:
    return [
        {
            "name": seen.name,
            "type": seen.column.full_type,
            "holds": seen.holds,
            "is_key": seen.column.is_key,
            "first": first.get(seen.name),
            "kind": seen.read.way if seen.read else None,
            # What was seen, such as `bytes@78`, may be more than a kind.
            "kinds": [*dict.fromkeys([*([seen.read.way] if seen.read else []), *kinds_for(seen.column.type)])],
        }
        for seen in inspection.seen
    ]


def _uses(mapping: TableMapping | None, value: Any) -> dict[str, Any] | None:
    """A mapping in full, also where its JSON is short: `data` has by name the column and how that is read.

    As far as it can be read, if it is not complete; None if it is no JSON object.
    """
    if mapping is None:
        trial = Trial()
        asked = trial.attempt("", lambda: AskedMapping.from_json(value))
        if asked is None:
            return None
        return {
            "key": list(asked.key or ()),
            "data": _data(asked.data or {}),
            "name": asked.name or "",
            "version": asked.version or "",
            "result": dict(asked.results or {}),
            "filter": asked.filter,
        }
    return {
        "key": list(mapping.key_columns),
        "data": _data(mapping.data),
        "name": mapping.name or "",
        "version": mapping.version or "",
        "result": dict(mapping.results),
        "filter": mapping.filter,
    }


def _data(fields: Mapping[str, Field]) -> dict[str, tuple[str, str]]:
    return {name: (read.column, str(read).removeprefix(f"{typed(read.column)}:")) for name, read in fields.items()}
