"""Rows by link whose image cannot be shown, as found by who looked at one, or by a verification.

A sync by link does not read images: without this, a damaged one is known to nobody but the person who did not see it,
and an empty result for it looks like "there is nothing on it".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from polardb_bridge.errors import RowError
from polardb_bridge.storage.keyed import key_from
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.table.keys import Key, shown_key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.stored_pictures import PictureColumns

MAX_LISTED = 20


class UnreadableImage(models.Model):
    """The image of a link's row cannot be shown. problem: why."""

    link = models.OneToOneField(
        PolarDBImportStorageLink, on_delete=models.CASCADE, primary_key=True, related_name="unreadable"
    )
    problem = models.TextField()
    found_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"image of link {self.link_id}"


@dataclass(frozen=True)
class UnreadableRow:
    """A row of a task. is_labeled: it has a submitted result all the same."""

    row_id: Key
    task_id: int
    problem: str
    is_labeled: bool

    def __str__(self) -> str:
        labeled = "; it has a result all the same" if self.is_labeled else ""
        return f"row {shown_key(self.row_id)} (task {self.task_id}): {self.problem}{labeled}"


def remember(link: PolarDBImportStorageLink, problem: str) -> None:
    """The image of the link's row was not shown, for this reason."""
    known = getattr(link, "unreadable", None)
    if known is None or known.problem != problem:
        UnreadableImage.objects.update_or_create(link=link, defaults={"problem": problem, "found_at": timezone.now()})


def forget(link: PolarDBImportStorageLink, pictures: PictureColumns, page: int | None) -> None:
    """That of this field was shown now. page: which of a list, of which another may still be what cannot."""
    known = getattr(link, "unreadable", None)
    if known is None or not known.problem.startswith(_beginning(pictures)):
        return
    if page is None or f"item {page + 1}:" in known.problem:
        UnreadableImage.objects.filter(link=link).delete()


def problem_of(pictures: PictureColumns, error: RowError) -> str:
    """What to remember of an image that is not shown: its field, too, if rows hold several."""
    return f"{_beginning(pictures)}{error}"


def _beginning(pictures: PictureColumns) -> str:
    return f"{pictures.field}: " if len(mapping_of(pictures.table).pictures) > 1 else ""


def of_storage(storage: PolarDBImportStorage) -> QuerySet[UnreadableImage]:
    return UnreadableImage.objects.filter(link__storage=storage.pk)


def labeled(storage: PolarDBImportStorage) -> QuerySet[UnreadableImage]:
    """Those that somebody, or some program, has labeled without having seen them."""
    return of_storage(storage).filter(link__task__total_annotations__gt=0)


def rows(storage: PolarDBImportStorage, limit: int | None = None) -> list[UnreadableRow]:
    """The first of them, or all: those with a result, then the others, by key."""
    is_labeled = models.Q(link__task__total_annotations__gt=0)
    found = of_storage(storage).order_by(
        models.Case(models.When(is_labeled, 0), default=1), "link__row_id", "link__key"
    )[:limit]
    values = found.values_list("link__row_id", "link__key", "link__task_id", "problem", "link__task__total_annotations")
    return [
        UnreadableRow(key_from(row_id, key), task_id, problem, count > 0)
        for row_id, key, task_id, problem, count in values
    ]


def as_json(storage: PolarDBImportStorage) -> dict[str, Any]:
    """For the REST API: how many, how many of them have a result, the first ones, and when all were last looked at."""
    verification = getattr(storage, "verification", None)
    return {
        "unreadable": of_storage(storage).count(),
        "labeled": labeled(storage).count(),
        "problems": [str(row) for row in rows(storage, MAX_LISTED)],
        "verified_at": verification and verification.finished_at,
    }
