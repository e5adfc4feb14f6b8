"""What a result table has to hold of tasks, computed from Label Studio's database as it is now."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from tasks.models import Annotation as StudioAnnotation

from polardb_bridge.storage.keyed import key_from
from polardb_bridge.storage.matching import sources_of
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.result_tables import project_writer, source_name
from polardb_bridge.table.annotations import Annotation, TaskAnnotations
from polardb_bridge.table.keys import Key, KeyKind
from polardb_bridge.webhooks.current_results import in_groups, sizes

_COLUMNS = (
    *("pk", "task_id", "unique_id", "completed_by__email", "result", "was_cancelled", "lead_time", "ground_truth"),
    *("created_at", "updated_at"),
)


def current_annotations(storage: PolarDBExportStorage, task_ids: Sequence[int]) -> Iterator[dict[int, TaskAnnotations]]:
    """By task id, the annotations of these tasks that are submitted or skipped, in groups that fit into memory.

    Left out are tasks that did not come from a source of the project, and those that are just being deleted.
    """
    expected: dict[int, set[int]] = {}
    size_of: dict[int, int] = dict.fromkeys(task_ids, 0)
    for annotation_id, task_id, size in sizes(task_id__in=task_ids).values_list("pk", "task_id", "size"):
        expected.setdefault(task_id, set()).add(annotation_id)
        size_of[task_id] += size or 0
    # Read after the annotations, as in `current_results`: who has a link, and no annotation, has lost them by hand.
    places = _places(storage, task_ids)
    for group in in_groups((task_id, size_of[task_id]) for task_id in places):
        found = _contents(storage, [task_id for task_id in group if task_id in expected])
        yield {
            task_id: TaskAnnotations(
                task_id, *places[task_id], tuple(of_task.values()), may_remove=bool(storage.can_delete_objects)
            )
            for task_id in group
            # One that has gone by now went with its task, or has left a new mark.
            if (of_task := found.get(task_id, {})).keys() >= expected.get(task_id, set())
        }


def _contents(storage: PolarDBExportStorage, task_ids: Sequence[int]) -> dict[int, dict[int, Annotation]]:
    """By task and by their numbers."""
    found: dict[int, dict[int, Annotation]] = {}
    us = uuid.UUID(project_writer(storage.project).uid)
    annotations = StudioAnnotation.objects.filter(task_id__in=task_ids).order_by("pk")
    for pk, task_id, uid, email, result, *rest in annotations.values_list(*_COLUMNS):
        # Those of Label Studio before 1.0 have no id that is unique.
        uid = uid or uuid.uuid5(us, str(pk))
        found.setdefault(task_id, {})[pk] = Annotation(str(uid), email, result or [], *rest)
    return found


def _places(storage: PolarDBExportStorage, task_ids: Sequence[int]) -> dict[int, tuple[str, tuple[KeyKind, ...], Key]]:
    """By task, its source, what that knows rows by, and its row."""
    sources = {source.pk: (source_name(source), source.table_mapping.kinds) for source in sources_of(storage)}
    links = PolarDBImportStorageLink.objects.filter(task_id__in=task_ids, storage__in=list(sources)).order_by("pk")
    found = links.values_list("task_id", "storage_id", "row_id", "key")
    return {task_id: (*sources[source], key_from(row_id, key)) for task_id, source, row_id, key in found}
