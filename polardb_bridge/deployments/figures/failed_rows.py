"""Rows of a deployment that something is wrong with, and what: one list of what syncs, people and deliveries found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from projects.models import Project

from polardb_bridge.storage.images.unreadable import UnreadableImage
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.writeback_status import listed, why
from polardb_bridge.table.keys import parse_shown
from polardb_bridge.webhooks.models import PendingWriteback

# As sync/report.py writes them, behind the key.
_LISTED = re.compile(r"\((?P<name>.*?)\): (?P<reason>.*)", re.DOTALL)


class Failure(str, Enum):
    """What could not be done with a row."""

    READ = "read"  # it is no task, or one without the result that the row holds
    SHOW = "show"  # its image
    WRITE = "write"  # its newest result


@dataclass(frozen=True)
class FailedRow:
    """key: of the row, as text; None for a line that stands for others which the sync did not list.

    task_id: None if it has no task.
    """

    key: str | None
    task_id: int | None
    name: str
    failure: Failure
    reason: str


def failed_rows(project: Project) -> list[FailedRow]:
    """Those that the last sync could not read (it lists the first 100), then images, then results."""
    return [*_unread(project), *_unshown(project), *_unwritten(project)]


def _unread(project: Project) -> Iterator[FailedRow]:
    for storage in PolarDBImportStorage.objects.filter(project=project).order_by("pk"):
        if storage.status == storage.Status.FAILED:
            continue  # it is one message, about the table
        for line in (storage.traceback or "").splitlines():
            key, rest = parse_shown(line) or (None, "")
            row = _LISTED.fullmatch(rest)
            if row:
                yield FailedRow(key, None, row["name"], Failure.READ, row["reason"])
            else:
                yield FailedRow(None, None, "", Failure.READ, line)


def _unshown(project: Project) -> Iterator[FailedRow]:
    found = UnreadableImage.objects.filter(link__task__project=project).order_by("link__row_id", "link__key")
    for row, task, name, problem in found.values_list(
        "link__key", "link__task", "link__task__data__original_name", "problem"
    ):
        yield FailedRow(row, task, str(name or ""), Failure.SHOW, problem)


def _unwritten(project: Project) -> Iterator[FailedRow]:
    found = listed(PendingWriteback.objects.filter(storage__project=project))
    for row, task, name, reason, since in found.values_list(
        "row_key", "task", "task__data__original_name", "parked_reason", "locked_since"
    ):
        yield FailedRow(row or None, task, str(name or ""), Failure.WRITE, why(reason, since))
