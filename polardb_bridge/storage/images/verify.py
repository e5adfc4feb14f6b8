"""Looking at every image of a storage, to find those that cannot be shown before somebody labels them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from django.db import models, transaction
from django.utils import timezone

from polardb_bridge.errors import RowError
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.images.reading import MAX_BYTES_IN_MEMORY, LargeImage, read
from polardb_bridge.storage.images.unreadable import UnreadableImage, UnreadableRow, rows
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.shown_media import shown_pictures
from polardb_bridge.table.connection import connect
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.pictures import Pictures
from polardb_bridge.table.row_contents import RowContents
from polardb_bridge.table.rows import IMAGES_BATCH_SIZE, SourceRow, read_rows


class Verification(models.Model):
    """How far the verification of a storage has come. after: the link up to which it has looked; None at its end.

    finished_at: when one last came to its end.
    """

    storage = models.OneToOneField(PolarDBImportStorage, on_delete=models.CASCADE, related_name="verification")
    after = models.BigIntegerField(null=True)
    checked = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"verification of storage {self.storage_id}"


@dataclass
class VerifyReport:
    """checked: rows looked at, those of an interrupted call too. unreadable: all that cannot be shown now.

    is_complete: all rows have been looked at.
    """

    checked: int = 0
    is_complete: bool = True
    unreadable: list[UnreadableRow] = field(default_factory=list)


def verify(
    storage: PolarDBImportStorage,
    *,
    restart: bool = False,
    seconds: float = math.inf,
    on_progress: Callable[[int], None] | None = None,
) -> VerifyReport:
    """Read and check the image of each row that has a task, and keep a list of those that cannot be shown.

    It can be interrupted: the next call goes on after the last rows that were looked at, unless `restart`.

    seconds: stop after about so many. on_progress: called with the number of rows that have been looked at.

    Raises:
        BridgeError: the table cannot be read.
    """
    if not storage.has_picture:
        return VerifyReport()
    give_up = time.monotonic() + seconds
    state, _ = Verification.objects.get_or_create(storage=storage)
    if restart or state.after is None:
        state.after, state.checked = None, 0
    while links := _next(storage, state.after):
        problems = _look(storage, links)
        with transaction.atomic():
            _keep(links, problems)
            state.after = links[-1].pk
            state.checked += len(links)
            state.save()
        if on_progress:
            on_progress(state.checked)
        if time.monotonic() > give_up and _next(storage, state.after):
            return VerifyReport(state.checked, False, rows(storage))
    checked = state.checked
    state.after, state.checked, state.finished_at = None, 0, timezone.now()
    state.save()
    return VerifyReport(checked, True, rows(storage))


def verify_links(storage: PolarDBImportStorage, links: Sequence[PolarDBImportStorageLink]) -> dict[Key, str]:
    """The same for the rows of these links of `storage` alone; why images cannot be shown, by key.

    Raises:
        BridgeError: the table cannot be read.
    """
    problems = _look(storage, links)
    with transaction.atomic():
        _keep(links, problems)
    return problems


def _next(storage: PolarDBImportStorage, after: int | None) -> list[PolarDBImportStorageLink]:
    links = PolarDBImportStorageLink.objects.filter(storage=storage.pk).order_by("pk")
    if after is not None:
        links = links.filter(pk__gt=after)
    return list(links[:IMAGES_BATCH_SIZE])


def _look(storage: PolarDBImportStorage, links: Sequence[PolarDBImportStorageLink]) -> dict[Key, str]:
    """Why the images of rows cannot be shown, by key; a missing row is none of them: the next sync sees to it."""
    problems: dict[Key, str] = {}
    if not storage.has_picture:
        return problems
    large: list[Key] = []
    row_ids = [link.row_key for link in links]
    table = storage.source_table
    mapping = mapping_of(table)
    fields = [shown_pictures(storage, name) for name in mapping.pictures]
    with (
        connect(storage.connection_parameters()) as connection,
        closing(
            read_rows(connection, table, row_ids, max_bytes=MAX_BYTES_IN_MEMORY, with_texts=mapping.has_addresses)
        ) as rows,
    ):
        for row in rows:
            if row.size > MAX_BYTES_IN_MEMORY:
                large.append(row.key.id)
                continue
            for pictures in fields:
                try:
                    _check(pictures, row)
                except RowError as error:
                    problems[row.key.id] = unreadable.problem_of(pictures, error)
    for row_id in large:
        for pictures in fields:
            try:
                image = read(storage, pictures, row_id)
            except RowError as error:
                problems[row_id] = unreadable.problem_of(pictures, error)
            else:
                if isinstance(image, LargeImage):
                    image.file.close()
    return problems


def _check(pictures: Pictures, row: SourceRow) -> None:
    """Raise RowError if what a task shows in this field cannot be shown, unless it is an address."""
    mapping = mapping_of(pictures.table)
    if not (mapping.has_addresses and RowContents.of(mapping, row).shows_address(pictures.field)):
        pictures.decode(row.pictures[pictures.field])


def _keep(links: Sequence[PolarDBImportStorageLink], problems: dict[Key, str]) -> None:
    UnreadableImage.objects.filter(link__in=[link.pk for link in links]).delete()
    UnreadableImage.objects.bulk_create(
        [
            UnreadableImage(link_id=link.pk, problem=problems[link.row_key])
            for link in links
            if link.row_key in problems
        ],
        update_conflicts=True,  # whoever opens a task meanwhile finds the same
        unique_fields=["link"],
        update_fields=["problem"],
    )
