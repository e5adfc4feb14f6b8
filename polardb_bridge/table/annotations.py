"""Writing annotations into result tables, and reading what is there of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table import session
from polardb_bridge.table.keys import Key, KeyKind, order_of
from polardb_bridge.table.packets import check_size, in_parts, text_bytes
from polardb_bridge.table.result_table import WRITTEN, ResultTable
from polardb_bridge.table.results import naive_utc, to_json
from polardb_bridge.table.stored import is_same_data
from polardb_bridge.table.text import identifier

# At most, of a row without its texts.
_ROW_BYTES = 400
_REMOVED_BATCH_SIZE = 500


@dataclass(frozen=True)
class ProjectWriter:
    """A project of a Label Studio: it removes no rows but its own. project: its number there; uid: no other's."""

    project: int
    uid: str


@dataclass(frozen=True)
class Annotation:
    """An annotation as Label Studio has it. annotator: an e-mail address, if it is known; lead_time: in seconds."""

    uid: str
    annotator: str | None
    data: list[Any]
    was_cancelled: bool
    lead_time: float | None
    ground_truth: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class TaskAnnotations:
    """All annotations of a task, and the row that it came from, whose key is of these kinds.

    may_remove: rows of those that the task has no more go, too.
    """

    task: int
    source: str
    kinds: tuple[KeyKind, ...]
    row_id: Key
    annotations: tuple[Annotation, ...]
    may_remove: bool


@dataclass(frozen=True)
class Place:
    """Where an annotation stands in a result table: its primary key."""

    source: str
    key: Key
    uid: str


@dataclass(frozen=True)
class Difference:
    """What of a task stands otherwise in a result table; false if nothing does.

    column: the first that holds something else, or whose row is missing; empty if none does. outdated: what has to go.
    """

    column: str = ""
    outdated: tuple[Place, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.column or self.outdated)


@dataclass(frozen=True)
class _Values:
    """An annotation as its columns take it, in the order of `ResultTable.columns`."""

    row_id: Key
    parameters: tuple[Any, ...]
    size: int


def write_annotations(
    connection: sa.Connection, table: ResultTable, writer: ProjectWriter, tasks: Collection[TaskAnnotations]
) -> dict[int, str]:
    """Have the table hold all annotations of these tasks, and no others; the same call again changes nothing more.

    Returns:
        By task, the column that holds something else than was written, if there is one.

    Raises:
        RowError: one of them is larger than the server takes in a statement.
    """
    _insert(connection, table, writer, tasks)
    there = _read(connection, table, writer, [task.task for task in tasks])
    if not there.is_session_set_up:
        session.set_up_again(connection)
        _insert(connection, table, writer, tasks)
        there = _read(connection, table, writer, [task.task for task in tasks])
    found = {task.task: _difference(table, task, there.of_task.get(task.task, {})) for task in tasks}
    _remove(connection, table, writer, [place for each in found.values() for place in each.outdated])
    return {task: each.column for task, each in found.items() if each.column}


def _insert(
    connection: sa.Connection, table: ResultTable, writer: ProjectWriter, tasks: Collection[TaskAnnotations]
) -> None:
    # In one order, so that two writers lock in one.
    in_order = sorted(tasks, key=lambda task: (task.source, order_of(task.row_id)))
    rows = [_values(table, writer, task, each) for task in in_order for each in _by_uid(task.annotations)]
    columns = [identifier(connection, name) for name in table.columns]
    changed = [f"{name} = VALUES({name})" for name in columns if name != identifier(connection, "annotator")]
    # Who has left Label Studio, it knows no more.
    changed.append("annotator = COALESCE(VALUES(annotator), annotator)")
    for part in in_parts(connection, rows):
        places = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * len(part))
        statement = (
            f"INSERT INTO {identifier(connection, table.name)} ({', '.join(columns)}) "  # noqa: S608  # quoted
            # Not by a name of the new row, which PolarDB (MySQL 8.0.13) does not know.
            f"VALUES {places} ON DUPLICATE KEY UPDATE {', '.join(changed)}"
        )
        parameters = [value for row in part for value in row.parameters]
        if len(part) == 1:
            check_size(connection, statement, parameters, part[0].row_id)
        connection.exec_driver_sql(statement, tuple(parameters))


def _by_uid(annotations: Iterable[Annotation]) -> list[Annotation]:
    return sorted(annotations, key=lambda each: each.uid)


def _values(table: ResultTable, writer: ProjectWriter, task: TaskAnnotations, annotation: Annotation) -> _Values:
    data = to_json(annotation.data)
    written = {
        "project": writer.project,
        "project_uid": writer.uid,
        "task": task.task,
        "annotator": annotation.annotator,
        "result": data,
        "was_cancelled": int(annotation.was_cancelled),
        "lead_time": _finite(annotation.lead_time),
        "ground_truth": int(annotation.ground_truth),
        "created_at": naive_utc(annotation.created_at),
        "updated_at": naive_utc(annotation.updated_at),
    }
    of_key = table.key.bound([task.row_id])
    texts = sum(text_bytes(str(part)) for part in of_key) + text_bytes(f"{task.source}{annotation.annotator or ''}")
    return _Values(
        task.row_id,
        (task.source, *of_key, annotation.uid, *(written[name] for name in WRITTEN)),
        _ROW_BYTES + 2 * texts + text_bytes(data),
    )


def _finite(number: float | None) -> float | None:
    """The browser sends it, and may send anything."""
    return number if number is not None and math.isfinite(number) else None


def differences(
    connection: sa.Connection, table: ResultTable, writer: ProjectWriter, tasks: Collection[TaskAnnotations]
) -> dict[int, Difference]:
    """By task, what of these stands otherwise in the table; of others, it says nothing.

    An annotation of a task stands where the task's row says, and nowhere else: keys are spelled anew, and sources get
    other names.
    """
    there = _read(connection, table, writer, [task.task for task in tasks])
    return {task.task: _difference(table, task, there.of_task.get(task.task, {})) for task in tasks}


# Of an annotation's row, as `_read` gives it: was_cancelled, ground_truth, lead_time, result.
_Stored = tuple[Any, Any, Any, "bytes | None"]
_COMPARED = ("was_cancelled", "ground_truth", "lead_time", "result")


@dataclass
class _There:
    """What this project has written, by task. is_session_set_up: a proxy may have lent a session that nobody set up."""

    of_task: dict[int, dict[Place, _Stored]] = field(default_factory=dict)
    is_session_set_up: bool = True


def _read(connection: sa.Connection, table: ResultTable, writer: ProjectWriter, task_ids: Sequence[int]) -> _There:
    found = _There()
    if not task_ids:
        return found
    columns = [
        *(session.IS_SET_UP, "task", "CAST(CONVERT(source USING utf8mb4) AS BINARY)"),
        *table.key.selected_sql(connection),
        *("annotation_uid", "was_cancelled", "ground_truth", "lead_time"),
        "CAST(CONVERT(result USING utf8mb4) AS BINARY)",
    ]
    query = (
        f"SELECT {', '.join(columns)} FROM {identifier(connection, table.name)} "  # noqa: S608  # quoted
        f"WHERE project_uid = %s AND task IN ({', '.join(['%s'] * len(task_ids))})"
    )
    width = table.key.width
    for is_set_up, task, source, *values in connection.exec_driver_sql(query, (writer.uid, *task_ids)):
        found.is_session_set_up = found.is_session_set_up and bool(is_set_up)
        place = Place(source.decode(errors="replace"), table.key.read_sql(values[:width]), values[width])
        was_cancelled, ground_truth, lead_time, result = values[width + 1 :]
        found.of_task.setdefault(task, {})[place] = was_cancelled, ground_truth, lead_time, result
    return found


def _difference(table: ResultTable, task: TaskAnnotations, there: dict[Place, _Stored]) -> Difference:
    key = table.value_of(task.row_id)
    expected = {Place(task.source, key, each.uid): each for each in task.annotations}
    uids = {each.uid for each in task.annotations}
    outdated = [
        place
        for place in there
        if place not in expected
        # Elsewhere, an annotation that the task does not have is of another task, which had its number.
        and (place.uid in uids or (task.may_remove and (place.source, place.key) == (task.source, key)))
    ]
    columns = (_differing(each, there.get(place)) for place, each in expected.items())
    return Difference(next(filter(None, columns), ""), tuple(outdated))


def _differing(annotation: Annotation, stored: _Stored | None) -> str:
    """The first column that holds something else; empty if none does."""
    if stored is None:
        return _COMPARED[-1]
    was_cancelled, ground_truth, lead_time, result = stored
    if (bool(was_cancelled), bool(ground_truth)) != (annotation.was_cancelled, annotation.ground_truth):
        return _COMPARED[bool(was_cancelled) == annotation.was_cancelled]
    expected = _finite(annotation.lead_time)
    if (lead_time is None) != (expected is None) or (expected is not None and not _is_close(lead_time, expected)):
        return "lead_time"
    return "" if is_same_data(annotation.data, result) else "result"


def _is_close(one: Any, other: float) -> bool:
    return math.isclose(float(one), other, rel_tol=1e-6, abs_tol=1e-6)


def _remove(connection: sa.Connection, table: ResultTable, writer: ProjectWriter, places: Sequence[Place]) -> None:
    """Remove what stands there of this project's."""
    columns = [identifier(connection, name) for name in table.columns[: table.key.width + 2]]
    one = f"({' AND '.join(f'{name} = %s' for name in columns)})"
    for start in range(0, len(places), _REMOVED_BATCH_SIZE):
        part = sorted(
            places[start : start + _REMOVED_BATCH_SIZE],
            key=lambda place: (place.source, order_of(place.key), place.uid),
        )
        parameters = [value for p in part for value in (p.source, *table.key.bound([p.key]), p.uid)]
        connection.exec_driver_sql(
            f"DELETE FROM {identifier(connection, table.name)} "  # noqa: S608  # quoted
            f"WHERE project_uid = %s AND ({' OR '.join([one] * len(part))})",
            (writer.uid, *parameters),
        )


def tasks_held(
    connection: sa.Connection, table: ResultTable, writer: ProjectWriter, task_ids: Sequence[int]
) -> set[int]:
    """Those of these tasks of whose rows others have locked one; the rest is locked until the transaction ends.

    Raises:
        RetryableError: the server cannot tell; MySQL can from 8.0.1 on, MariaDB from 10.6 on.
    """
    if not task_ids:
        return set()
    query = (
        f"SELECT task, annotation_uid FROM {identifier(connection, table.name)} "  # noqa: S608  # quoted
        f"WHERE project_uid = %s AND task IN ({', '.join(['%s'] * len(task_ids))})"
    )
    parameters = (writer.uid, *task_ids)
    free = set(map(tuple, connection.exec_driver_sql(f"{query} FOR UPDATE SKIP LOCKED", parameters)))
    there = set(map(tuple, connection.exec_driver_sql(query, parameters)))
    return {task for task, _ in there - free}
