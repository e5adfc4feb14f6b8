"""Creating, refreshing and removing tasks in bulk, with all that Label Studio does around its own single saves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from projects.models import Project, ProjectSummary
from tasks.models import AnnotationDraft, Task
from webhooks.models import WebhookAction
from webhooks.utils import emit_webhooks_for_instance

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.label_studio.tasks import create_task_states, delete_tasks
from polardb_bridge.storage.keyed import key_fields, key_from, with_keys
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.signals import tasks_adopted
from polardb_bridge.storage.sync.compared import LinkedRow
from polardb_bridge.storage.sync.existing_results import ExistingResult, create_annotations, create_predictions
from polardb_bridge.storage.sync.lease import SyncLease
from polardb_bridge.storage.sync.models import RefusedResult, RowMemory, SyncState
from polardb_bridge.storage.sync.numbers import Numbers, next_number
from polardb_bridge.storage.sync.task_data import TaskData, task_fields
from polardb_bridge.storage.writeback_status import tasks_with_unwritten

META_KEY = "polardb"
# Why a task has no row to follow, as its `meta` says: that is deleted, or does not meet the filter.
DELETED, OUTSIDE = "deleted", "outside the filter"
_REMOVED_BATCH_SIZE = 500


@dataclass
class Writer:
    """What writes the tasks of one process of a sync. numbers: inner ids, if several processes take them at once."""

    storage: PolarDBImportStorage
    lease: SyncLease
    numbers: Numbers | None = None

    def create(self, batch: Sequence[TaskData]) -> int:
        """Tasks and their links, all or none; how many.

        Rows that another process, such as one that was taken for dead, has meanwhile created tasks for are left out.
        """
        numbers = self.numbers.take(len(batch)) if self.numbers else None
        try:
            tasks = self._create(batch, numbers)
        except Exception as error:
            if self.numbers and numbers:
                self.numbers.give_back(numbers)
            rows = [data.row_id for data in batch]
            links = with_keys(self.storage.links.all(), rows)
            taken = {key_from(*fields) for fields in links.values_list("row_id", "key")}
            if not isinstance(error, IntegrityError) or not taken:
                raise
            missing = [data for data in batch if data.row_id not in taken]
            return self.create(missing) if missing else 0
        project = self.storage.project
        ids = [task.pk for task in tasks]
        for start in range(0, len(ids), settings.WEBHOOK_BATCH_SIZE):
            part = ids[start : start + settings.WEBHOOK_BATCH_SIZE]
            emit_webhooks_for_instance(project.organization, project, WebhookAction.TASKS_CREATED, part)
        return len(ids)

    def _create(self, batch: Sequence[TaskData], numbers: Sequence[int] | None) -> Sequence[Task]:
        storage, project = self.storage, self.storage.project
        with transaction.atomic():
            first = 0 if numbers else next_number(project)
            self.lease.check()
            tasks: Sequence[Task] = Task.objects.bulk_create(
                _new_task(storage, data, number)
                for data, number in zip(batch, numbers or itertools.count(first), strict=False)
            )
            links = PolarDBImportStorageLink.objects.bulk_create(
                # The task's id: they would hold one another, and its image, until a collection.
                _new_link(storage, data, task.pk, task.total_annotations > 0)
                for task, data in zip(tasks, batch, strict=True)
            )
            _remember(links, batch)
            existing = [(task, data.existing) for task, data in zip(tasks, batch, strict=True) if data.existing]
            if existing:
                self._create_results(existing)
            create_task_states(tasks, project.organization_id, project.created_by)
            # Last: whoever else creates tasks of this project waits for it.
            _summary(project).update_data_columns(tasks)
        return tasks

    def adopt(self, batch: Sequence[tuple[TaskData, int]]) -> None:
        """Make tasks that there are already, given by id, those of these rows, with what the rows hold now."""
        storage = self.storage
        with transaction.atomic():
            self.lease.check()
            tasks = Task.objects.select_for_update().in_bulk([task_id for _, task_id in batch])
            pairs = [(data, tasks[task_id]) for data, task_id in batch if task_id in tasks]
            for data, task in pairs:
                task.data = {**task.data, **data.values(storage.image_field)}
                task.meta = {key: value for key, value in (task.meta or {}).items() if key != META_KEY}
            Task.objects.bulk_update(tasks.values(), ["data", "meta"], batch_size=100)
            links = PolarDBImportStorageLink.objects.bulk_create(
                _new_link(storage, data, task.pk, task.total_annotations > 0) for data, task in pairs
            )
            _remember(links, [data for data, _ in pairs])
            by_task = {link.task_id: link.pk for link in links}
        for data, task in pairs:
            if data.existing:
                self.bring_in(by_task[task.pk], data.existing)
        tasks_adopted.send(
            sender=type(storage), task_ids=[task.pk for task in tasks.values() if task.total_annotations]
        )

    def _create_results(self, existing: Sequence[tuple[Task, ExistingResult]]) -> None:
        create = create_annotations if _as_annotations(self.storage) else create_predictions
        create(self.storage, existing)

    def bring_in(self, link_id: int, result: ExistingResult) -> None:
        """Give the task of a link the result that its row holds, unless somebody has labeled it meanwhile."""
        with transaction.atomic():
            self.lease.check()
            link = PolarDBImportStorageLink.objects.filter(pk=link_id).first()
            task = link and Task.objects.select_for_update().defer("data").filter(pk=link.task_id).first()
            if task is None or task.annotations.exists():
                RefusedResult.objects.filter(link=link_id).delete()
                return
            self._create_results([(task, result)])
            annotations = int(_as_annotations(self.storage))
            Task.objects.filter(pk=task.pk).update(
                total_annotations=annotations,
                is_labeled=0 < task.overlap <= annotations,
                total_predictions=F("total_predictions") + 1 - annotations,
            )
            PolarDBImportStorageLink.objects.filter(pk=link_id).update(has_result=annotations > 0)
            RefusedResult.objects.filter(link=link_id).delete()

    def forget_refused(self, link_ids: Sequence[int]) -> None:
        """These rows hold no result any more."""
        if link_ids:
            RefusedResult.objects.filter(link__in=link_ids).delete()

    def refresh(self, batch: Sequence[tuple[TaskData, LinkedRow]]) -> int:
        """Put what the rows hold now into their tasks; annotations and other data stay. How many."""
        with transaction.atomic():
            self.lease.check()
            tasks = Task.objects.select_for_update().in_bulk([link.task_id for _, link in batch])
            links = PolarDBImportStorageLink.objects.in_bulk(list(tasks), field_name="task_id")
            memories = []
            for data, old in batch:
                task, link = tasks.get(old.task_id), links.get(old.task_id)
                if task is None or link is None:
                    continue  # deleted meanwhile
                task.data = {**task.data, **data.values(self.storage.image_field)}
                task.updated_at = timezone.now()
                task.meta = {key: value for key, value in (task.meta or {}).items() if key != META_KEY}
                link.version, link.key = data.version, str(data.row_id)
                link.is_missing = link.is_outside = False
                memories.append(RowMemory(link_id=link.pk, digest=data.digest, revision=data.revision))
            Task.objects.bulk_update(tasks.values(), ["data", "meta", "updated_at"], batch_size=100)
            fields = ["version", "is_missing", "is_outside", *(["key"] if isinstance(batch[0][0].row_id, str) else [])]
            PolarDBImportStorageLink.objects.bulk_update(links.values(), fields, batch_size=200)
            RowMemory.objects.bulk_create(
                memories, update_conflicts=True, unique_fields=["link"], update_fields=["digest", "revision"]
            )
            self._count("updated", len(tasks))
        return len(tasks)

    def remove(self, batch: Sequence[LinkedRow], *, reason: str = DELETED) -> tuple[int, int]:
        """Remove the tasks of rows that are no longer followed, but keep and mark those that somebody has worked on.

        Returns:
            How many were removed, and how many kept.
        """
        project = self.storage.project
        with transaction.atomic():
            self.lease.check()
            tasks = Task.objects.select_for_update().filter(pk__in=[link.task_id for link in batch])
            kept = _kept(list(tasks.values_list("pk", flat=True)), self.storage, reason)
            removed = [link.task_id for link in batch if link.task_id not in kept]
            _mark([link for link in batch if link.task_id in kept], reason)
            if removed:
                columns = dict.fromkeys(task_fields(self.storage))
                _summary(project).remove_data_columns([{"data": columns}] * len(removed))
                delete_tasks(removed)
                self._count("removed", len(removed))
        if removed:
            deleted = [{"id": task_id} for task_id in removed]
            emit_webhooks_for_instance(project.organization, project, WebhookAction.TASKS_DELETED, deleted)
        return len(removed), len(batch) - len(removed)

    def _count(self, what: str, count: int) -> None:
        SyncState.objects.filter(storage=self.storage).update(**{what: F(what) + count})


def _new_task(storage: PolarDBImportStorage, data: TaskData, number: int) -> Task:
    project = storage.project
    annotations = int(data.existing is not None and _as_annotations(storage))
    return Task(
        data=data.values(storage.image_field),
        project=project,
        overlap=project.maximum_annotations,
        inner_id=number,
        total_annotations=annotations,
        is_labeled=0 < project.maximum_annotations <= annotations,
        total_predictions=int(data.existing is not None) - annotations,
    )


def _new_link(
    storage: PolarDBImportStorage, data: TaskData, task_id: int, has_result: bool
) -> PolarDBImportStorageLink:
    return PolarDBImportStorageLink(
        storage=storage,
        task_id=task_id,
        **key_fields(data.row_id),
        version=data.version,
        has_result=has_result,
    )


def _remember(links: Sequence[PolarDBImportStorageLink], batch: Sequence[TaskData]) -> None:
    """Of new links, what is known of their rows beside the version."""
    pairs = list(zip(links, batch, strict=True))
    RowMemory.objects.bulk_create(RowMemory(link_id=link.pk, digest=data.digest) for link, data in pairs if data.digest)
    RefusedResult.objects.bulk_create(RefusedResult(link_id=link.pk) for link, data in pairs if data.is_refused)


def _as_annotations(storage: PolarDBImportStorage) -> bool:
    return bool(storage.existing_annotations == ExistingAnnotations.ANNOTATIONS)


def removable_batches(missing: Sequence[LinkedRow]) -> Iterator[Sequence[LinkedRow]]:
    """Parts of a size for `Writer.remove`."""
    for start in range(0, len(missing), _REMOVED_BATCH_SIZE):
        yield missing[start : start + _REMOVED_BATCH_SIZE]


def count_removable(
    batch: Sequence[LinkedRow], storage: PolarDBImportStorage, *, reason: str = DELETED
) -> tuple[int, int]:
    """What `Writer.remove` would return."""
    kept = len(_kept([link.task_id for link in batch], storage, reason))
    return len(batch) - kept, kept


def _kept(task_ids: Sequence[int], storage: PolarDBImportStorage, reason: str) -> set[int]:
    kept = worked_on(task_ids)
    # A row that is there may still hold what was deleted here, and be outside because of it.
    return kept | tasks_with_unwritten(storage.project_id, task_ids) if reason == OUTSIDE else kept


def worked_on(task_ids: Sequence[int]) -> set[int]:
    """Those of these tasks that have an annotation or a draft."""
    annotated = Task.objects.filter(pk__in=task_ids, annotations__isnull=False).values_list("pk", flat=True)
    drafted = AnnotationDraft.objects.filter(task__in=task_ids).values_list("task_id", flat=True)
    return {*annotated, *drafted}


def _mark(links: Sequence[LinkedRow], reason: str) -> None:
    """Say of these tasks why they have no row to follow, unless they say so already."""
    is_missing = reason == DELETED
    new = [link.task_id for link in links if (link.is_missing, link.is_outside) != (is_missing, not is_missing)]
    tasks = Task.objects.in_bulk(new)
    for task in tasks.values():
        task.meta = {**(task.meta or {}), META_KEY: {"row": reason}}
    Task.objects.bulk_update(tasks.values(), ["meta"], batch_size=100)
    marked = PolarDBImportStorageLink.objects.filter(task__in=list(tasks))
    marked.update(is_missing=is_missing, is_outside=not is_missing)


def _summary(project: Project) -> ProjectSummary:
    return ProjectSummary.objects.select_for_update().get_or_create(project=project)[0]
