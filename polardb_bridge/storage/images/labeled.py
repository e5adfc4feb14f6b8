"""Images of results that came in: whoever sent one need not have seen the image.

Programs and accepted predictions submit without looking, and people do so on an empty page. So the image of each new
result by link is looked at once, in the background, and a bad one is listed (`unreadable`). No result waits for this,
and none is refused.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import timedelta

from django.db import models, transaction
from django.utils import timezone

from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.images.verify import verify_links
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.table.keys import shown_key
from polardb_bridge.table.rows import IMAGES_BATCH_SIZE

logger = logging.getLogger(__name__)

# Then another process may look: this one has died, or the server was away.
LOOK_AGAIN_AFTER = timedelta(minutes=2)
# After that, others get their turn.
LOOK_TIME_LIMIT_S = 30.0
_RECORDS_BATCH_SIZE = 500


class LabeledImage(models.Model):
    """The image of `task_id`, of a row of `storage_id`, is to be looked at.

    Whoever changes annotations only adds one, which refers to nothing and locks nothing. due_at: later than now while a
    process looks.
    """

    id = models.BigAutoField(primary_key=True)
    storage_id = models.IntegerField()
    task_id = models.IntegerField()
    due_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["storage_id", "due_at"], name="polardb_labeled_images")]

    def __str__(self) -> str:
        return f"image of task {self.task_id} of storage {self.storage_id}"


def mark(pairs: Iterable[tuple[int, int]]) -> None:
    """The tasks of these pairs of import storage and task have new results, in the caller's transaction."""
    marks = [LabeledImage(storage_id=storage, task_id=task) for storage, task in pairs]
    if marks:
        LabeledImage.objects.bulk_create(marks, batch_size=_RECORDS_BATCH_SIZE)


def storages_due() -> list[PolarDBImportStorage]:
    """Those with images to look at now."""
    mine = _due().filter(storage_id=models.OuterRef("pk"))
    return list(PolarDBImportStorage.objects.filter(models.Exists(mine)).select_related("project"))


def look(storage: PolarDBImportStorage) -> None:
    """Look at the images of new results, until there are no more or it has taken long enough.

    If the server is away, another call goes on later.
    """
    give_up = time.monotonic() + LOOK_TIME_LIMIT_S
    while (marks := _take(storage)) and _look(storage, marks) and time.monotonic() < give_up:
        pass


def _look(storage: PolarDBImportStorage, marks: list[LabeledImage]) -> bool:
    tasks = {mark.task_id for mark in marks}
    links = list(PolarDBImportStorageLink.objects.filter(storage=storage.pk, task__in=tasks).order_by("pk"))
    try:
        problems = verify_links(storage, links)
    except BridgeError as error:
        logger.info("Images of new results of storage %s cannot be looked at now: %s", storage.pk, error)
        return False
    for key, problem in problems.items():
        logger.warning(
            "Storage %s: row %s has a result, but its image cannot be shown: %s", storage.pk, shown_key(key), problem
        )
    LabeledImage.objects.filter(pk__in=[mark.pk for mark in marks]).delete()
    return True


def drop_gone() -> None:
    """Forget what is about storages that are gone."""
    there = PolarDBImportStorage.objects.filter(pk=models.OuterRef("storage_id"))
    LabeledImage.objects.filter(~models.Exists(there)).delete()


def _due() -> models.QuerySet[LabeledImage]:
    # Further ahead than any is put: the clock was set back.
    now = timezone.now()
    return LabeledImage.objects.filter(models.Q(due_at__lte=now) | models.Q(due_at__gt=now + 2 * LOOK_AGAIN_AFTER))


def _take(storage: PolarDBImportStorage) -> list[LabeledImage]:
    """A few that no other process looks at; they are due again if this one does not come to its end."""
    with transaction.atomic():
        due = _due().filter(storage_id=storage.pk).order_by("pk").select_for_update(skip_locked=True)
        marks = list(due[:IMAGES_BATCH_SIZE])
        LabeledImage.objects.filter(pk__in=[mark.pk for mark in marks]).update(due_at=timezone.now() + LOOK_AGAIN_AFTER)
    return marks
