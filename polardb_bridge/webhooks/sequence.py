"""In which order Label Studio got its annotations: what is newest, no clock decides.

Clocks differ, are set, and come from the rows for results that were read from there. So each submitted annotation, and
each changed result, gets the next number. Annotations without one, which were read from rows or are older than this
package, are older than all that have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Exists, Max, OuterRef
from tasks.models import Annotation

from polardb_bridge.webhooks.models import AnnotationSequence

_BATCH_SIZE = 500


def came_now(annotation_ids: Iterable[int]) -> None:
    """Give these annotations the next numbers, in the transaction that saves them."""
    numbers = [AnnotationSequence(annotation_id=pk) for pk in annotation_ids]
    if len(numbers) == 1:
        numbers[0].save(force_insert=True)
    else:
        AnnotationSequence.objects.bulk_create(numbers, batch_size=_BATCH_SIZE)


def numbers_of(task_ids: Sequence[int]) -> dict[int, int]:
    """The numbers of the annotations of these tasks, by annotation id; those that have none are left out."""
    numbers = AnnotationSequence.objects.filter(annotation__task__in=task_ids).order_by()
    return dict(numbers.values("annotation").annotate(number=Max("pk")).values_list("annotation", "number"))


def tasks_changed_here(task_ids: Iterable[int]) -> set[int]:
    """Those of these tasks with an annotation that was submitted or changed here, and not only read from its row."""
    numbers = AnnotationSequence.objects.filter(annotation__task__in=list(task_ids)).order_by()
    return set(numbers.values_list("annotation__task", flat=True))


def superseded(task_ids: Sequence[int]) -> list[int]:
    """Ids of the numbers that later ones have replaced."""
    later = AnnotationSequence.objects.filter(annotation=OuterRef("annotation"), pk__gt=OuterRef("pk"))
    numbers = AnnotationSequence.objects.filter(Exists(later), annotation__task__in=task_ids)
    return list(numbers.order_by("pk").values_list("pk", flat=True))


def drop(number_ids: Sequence[int]) -> None:
    """Forget these; whoever else is at it is not waited for."""
    chosen = AnnotationSequence.objects.filter(pk__in=number_ids).order_by("pk").select_for_update(skip_locked=True)
    AnnotationSequence.objects.filter(pk__in=list(chosen.values_list("pk", flat=True))).delete()


def forget(annotation_ids: Sequence[int]) -> None:
    """Forget the numbers of annotations that are being deleted."""
    for start in range(0, len(annotation_ids), _BATCH_SIZE):
        numbers = AnnotationSequence.objects.filter(annotation__in=annotation_ids[start : start + _BATCH_SIZE])
        drop(list(numbers.values_list("pk", flat=True)))


def drop_gone() -> None:
    """Forget the numbers of annotations that are gone."""
    there = Annotation.objects.filter(pk=OuterRef("annotation"))
    gone = AnnotationSequence.objects.filter(~Exists(there)).order_by("pk").values_list("pk", flat=True)
    while ids := list(gone[:_BATCH_SIZE]):
        with transaction.atomic():
            drop(ids)
