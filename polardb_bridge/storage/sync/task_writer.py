"""Creating, refreshing and removing tasks in bulk, with all that Label Studio does around its own single saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from projects.models import Project, ProjectSummary
from tasks.models import AnnotationDraft, Task
from webhooks.models import WebhookAction
from webhooks.utils import emit_webhooks_for_instance

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.label_studio.tasks import create_task_states
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink, SyncPart
from polardb_bridge.storage.sync.changes import LinkedRow
from polardb_bridge.storage.sync.existing_results import create_annotations, create_predictions
from polardb_bridge.storage.sync.task_data import COLUMNS, TaskData

META_KEY = "polardb"
_REMOVED_BATCH_SIZE = 500


@dataclass
class NumberBlock:
    """Inner ids set aside for one part of a sync, from `first` to `last`."""

    first: int
    last: int

    def take(self, count: int) -> int | None:
        """The first of `count` numbers; None if fewer are left."""
        if self.last - self.first + 1 < count:
            return None
        self.first += count
        return self.first - count


def create_tasks(storage: PolarDBImportStorage, batch: Sequence[TaskData], numbers: NumberBlock | None = None) -> int:
    """Tasks and their links, all or none; how many.

    Rows that another process, such as one that was taken for dead, has meanwhile created tasks for are left out.

    numbers: for tasks that several processes create at once. Without, they get those after the project's last, and no
    other process creates tasks of this project until they are saved.
    """
    try:
        tasks = _create_tasks(storage, batch, numbers)
    except IntegrityError:
        rows = [data.row_id for data in batch]
        taken = set(storage.links.filter(row_id__in=rows).values_list("row_id", flat=True))
        if not taken:
            raise
        missing = [data for data in batch if data.row_id not in taken]
        return create_tasks(storage, missing, numbers) if missing else 0
    project = storage.project
    ids = [task.pk for task in tasks]
    for start in range(0, len(ids), settings.WEBHOOK_BATCH_SIZE):
        part = ids[start : start + settings.WEBHOOK_BATCH_SIZE]
        emit_webhooks_for_instance(project.organization, project, WebhookAction.TASKS_CREATED, part)
    return len(ids)


def _create_tasks(
    storage: PolarDBImportStorage, batch: Sequence[TaskData], numbers: NumberBlock | None
) -> Sequence[Task]:
    project = storage.project
    with transaction.atomic():
        first = (numbers and numbers.take(len(batch))) or next_number(project)
        if not PolarDBImportStorage.objects.filter(pk=storage.pk, synchronizable=True).exists():
            raise InvalidInputError("The storage is being removed; its sync has stopped.")
        tasks: Sequence[Task] = Task.objects.bulk_create(
            _new_task(storage, data, number) for number, data in enumerate(batch, first)
        )
        PolarDBImportStorageLink.objects.bulk_create(
            PolarDBImportStorageLink(
                storage=storage,
                task_id=task.pk,  # not the task: they would hold one another, and its image, until a collection
                key=str(data.row_id),
                row_id=data.row_id,
                version=data.version,
                has_result=task.total_annotations > 0,
            )
            for task, data in zip(tasks, batch, strict=True)
        )
        existing = [(task, data.existing) for task, data in zip(tasks, batch, strict=True) if data.existing]
        if existing:
            create = create_annotations if _as_annotations(storage) else create_predictions
            create(storage, existing)
        create_task_states(tasks, project.organization_id, project.created_by)
        # Last: whoever else creates tasks of this project waits for it.
        _summary(project).update_data_columns(tasks)
    return tasks


def next_number(project: Project) -> int:
    """The inner id after the last that is used or set aside; nobody else gets one before this transaction ends."""
    Project.objects.select_for_update().only("pk").get(pk=project.pk)
    used = Task.objects.filter(project=project).order_by("-inner_id").values_list("inner_id", flat=True).first()
    reserved = SyncPart.objects.filter(storage__project=project).aggregate(last=Max("last_number"))["last"]
    return max(used or 0, reserved or 0) + 1


def _new_task(storage: PolarDBImportStorage, data: TaskData, number: int) -> Task:
    project = storage.project
    annotations = int(data.existing is not None and _as_annotations(storage))
    return Task(
        data=data.values,
        project=project,
        overlap=project.maximum_annotations,
        inner_id=number,
        total_annotations=annotations,
        is_labeled=0 < project.maximum_annotations <= annotations,
        total_predictions=int(data.existing is not None) - annotations,
    )


def _as_annotations(storage: PolarDBImportStorage) -> bool:
    return bool(storage.existing_annotations == ExistingAnnotations.ANNOTATIONS)


def refresh_tasks(batch: Sequence[tuple[TaskData, LinkedRow]]) -> None:
    """Put the rows' present images and names into their tasks; annotations and other data stay."""
    with transaction.atomic():
        tasks = Task.objects.select_for_update().in_bulk([link.task_id for _, link in batch])
        for data, link in batch:
            task = tasks[link.task_id]
            task.data = {**task.data, **data.values}
            task.updated_at = timezone.now()
            task.meta = {key: value for key, value in (task.meta or {}).items() if key != META_KEY}
        Task.objects.bulk_update(tasks.values(), ["data", "meta", "updated_at"], batch_size=100)
        links = PolarDBImportStorageLink.objects.in_bulk(list(tasks), field_name="task_id")
        for data, link in batch:
            links[link.task_id].version = data.version
            links[link.task_id].is_missing = False
        PolarDBImportStorageLink.objects.bulk_update(links.values(), ["version", "is_missing"], batch_size=200)


def removable_batches(missing: Sequence[LinkedRow]) -> Iterator[Sequence[LinkedRow]]:
    """Parts of a size for `remove_tasks`."""
    for start in range(0, len(missing), _REMOVED_BATCH_SIZE):
        yield missing[start : start + _REMOVED_BATCH_SIZE]


def remove_tasks(project: Project, batch: Sequence[LinkedRow]) -> tuple[int, int]:
    """Remove the tasks of missing rows, but keep and mark those that somebody has worked on.

    Returns:
        How many were removed, and how many kept.
    """
    with transaction.atomic():
        tasks = Task.objects.select_for_update().filter(pk__in=[link.task_id for link in batch])
        worked_on = _worked_on(tasks)
        removed = [link.task_id for link in batch if link.task_id not in worked_on]
        _mark_missing([link for link in batch if link.task_id in worked_on and not link.is_missing])
        if removed:
            _summary(project).remove_data_columns([{"data": dict.fromkeys(COLUMNS)}] * len(removed))
            Task.delete_tasks_without_signals_from_task_ids(removed)
    if removed:
        deleted = [{"id": task_id} for task_id in removed]
        emit_webhooks_for_instance(project.organization, project, WebhookAction.TASKS_DELETED, deleted)
    return len(removed), len(batch) - len(removed)


def count_removable(batch: Sequence[LinkedRow]) -> tuple[int, int]:
    """What `remove_tasks` would return."""
    kept = len(_worked_on(Task.objects.filter(pk__in=[link.task_id for link in batch])))
    return len(batch) - kept, kept


def _worked_on(tasks: QuerySet[Task]) -> set[int]:
    ids = list(tasks.values_list("pk", flat=True))
    annotated = Task.objects.filter(pk__in=ids, annotations__isnull=False).values_list("pk", flat=True)
    drafted = AnnotationDraft.objects.filter(task__in=ids).values_list("task_id", flat=True)
    return {*annotated, *drafted}


def _mark_missing(links: Sequence[LinkedRow]) -> None:
    tasks = Task.objects.in_bulk([link.task_id for link in links])
    for task in tasks.values():
        task.meta = {**(task.meta or {}), META_KEY: {"row": "deleted"}}
    Task.objects.bulk_update(tasks.values(), ["meta"], batch_size=100)
    PolarDBImportStorageLink.objects.filter(task__in=list(tasks)).update(is_missing=True)


def _summary(project: Project) -> ProjectSummary:
    return ProjectSummary.objects.select_for_update().get_or_create(project=project)[0]
