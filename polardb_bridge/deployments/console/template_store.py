"""Reading and changing the template table of `POLARDB_URL`; who changed what is recorded with the statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.characters import escaped
from polardb_bridge.deployments.console.database import asked, changed
from polardb_bridge.deployments.execution.audit import Actor, recorded
from polardb_bridge.deployments.interfaces import check_schema
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.labeling import labels_of, parse_text
from polardb_bridge.statements.errors import UNKNOWN_ERROR, WRONG_ARGUMENTS, StatementError
from polardb_bridge.table import template_rows
from polardb_bridge.table.template_rows import TemplateRow

NAME_LENGTH = 255
LABELS_SHOWN = 8


class ChangedMeanwhileError(StatementError):
    """Somebody else has changed the row since it was shown. found: what it holds now."""

    def __init__(self, message: str, found: TemplateRow) -> None:
        super().__init__(WRONG_ARGUMENTS, message)
        self.found = found


class GoneMeanwhileError(StatementError):
    """Somebody else has deleted the row since it was shown."""

    def __init__(self, message: str) -> None:
        super().__init__(WRONG_ARGUMENTS, message)


@dataclass(frozen=True)
class TemplateLine:
    """A template in the list. type: what `tp_schema` says; empty for a labeling config of somebody's own.

    labels: the first of them; others: how many more. problem: why DEPLOY would refuse it.
    """

    pk: int
    row: TemplateRow
    type: str = ""
    labels: tuple[str, ...] = ()
    others: int = 0
    problem: str = ""

    @property
    def name(self) -> str:
        """All of it to be seen."""
        return escaped(self.row.name)


def read_page(first: int, limit: int) -> tuple[int | None, list[TemplateLine]]:
    """How many templates there are, None without a template table, and some of them by id.

    Raises:
        BridgeError: the database cannot be read.
    """
    with asked() as connection:
        count = template_rows.count_templates(connection)
        found = template_rows.read_templates(connection, first, limit) if count else []
    return count, [_line(pk, row) for pk, row in found]


def _line(pk: int, row: TemplateRow) -> TemplateLine:
    try:
        schema = parse_text(row.schema)
        check_schema(schema, row.name)
    except InvalidInputError as error:
        return TemplateLine(pk, row, problem=str(error))
    labels = labels_of(schema)
    shown, others = tuple(labels[:LABELS_SHOWN]), max(0, len(labels) - LABELS_SHOWN)
    return TemplateLine(pk, row, schema.get("type", ""), shown, others)


def read(pk: int) -> TemplateRow | None:
    """The template of that id, or None.

    Raises:
        BridgeError: the database cannot be read.
    """
    with asked() as connection:
        template_rows.check_table(connection)
        return template_rows.read_template(connection, pk)


def deployments_of(pk: int, name: str) -> list[str]:
    """The deployments that were made with the template, by name: their statement has its id, or its name."""
    made = Deployment.objects.filter(template_id__in=[str(pk), name]).order_by("name")
    return list(made.values_list("name", flat=True))


def add(row: TemplateRow, actor: Actor) -> int:
    """The new template's id.

    Raises:
        StatementError: it is not added, and why.
    """
    with _changing(f"-- add template {row.name}: {row.schema}", actor) as connection:
        _check_name(connection, row.name)
        return template_rows.add_template(connection, row)


def change(pk: int, before: TemplateRow, after: TemplateRow, actor: Actor) -> None:
    """Write `after` in place of `before`.

    Raises:
        ChangedMeanwhileError, GoneMeanwhileError: others were faster; nothing is written.
        StatementError: it is not written, and why.
    """
    with _changing(f"-- change template {pk}, {after.name}: {after.schema}", actor) as connection:
        if after.name != before.name:
            _check_name(connection, after.name, pk)
        _check_found(pk, template_rows.change_template(connection, pk, before, after), before)
    if after.name != before.name:
        # They are found by it, and show it.
        Deployment.objects.filter(template_id=before.name).exclude(template_id=str(pk)).update(template_id=after.name)


def delete(pk: int, before: TemplateRow, actor: Actor) -> None:
    """Delete the template if it still is `before`.

    Raises:
        ChangedMeanwhileError, GoneMeanwhileError: others were faster; nothing is deleted.
        StatementError: it is not deleted, and why.
    """
    with _changing(f"-- delete template {pk}, {before.name}", actor) as connection:
        _check_found(pk, template_rows.delete_template(connection, pk, before), before)


@contextmanager
def _changing(what: str, actor: Actor) -> Iterator[sa.Connection]:
    with recorded(what, actor):
        try:
            with changed() as connection:
                template_rows.check_table(connection)
                yield connection
        except StatementError:
            raise
        except BridgeError as error:
            is_refused = isinstance(error, InvalidInputError)
            refusal = StatementError(WRONG_ARGUMENTS if is_refused else UNKNOWN_ERROR, str(error))
            refusal.field = error.field
            raise refusal from None


def _check_name(connection: sa.Connection, name: str, pk: int | None = None) -> None:
    taken = template_rows.id_of_name(connection, name)
    if taken not in (None, pk):
        raise InvalidInputError(f"There already is a template {name!r}, of id {taken}.", field="name")


def _check_found(pk: int, found: TemplateRow | None, before: TemplateRow) -> None:
    if found is None:
        raise GoneMeanwhileError(f"The template {pk} was deleted meanwhile.")
    if found.differences(before):
        raise ChangedMeanwhileError(f"The template {pk} was changed meanwhile. Look at it, and try again.", found)
