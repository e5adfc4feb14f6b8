"""What a row holds of its annotations, and the actions of the Data Manager that change many."""

from __future__ import annotations

from typing import Any

from support.labeling import LabelingProject

EMPTY = (None, 0, None)


def dirty_tasks() -> list[int]:
    """Ids of the tasks with a change that is not in its row yet, each once; of tasks that are gone, too."""
    from polardb_bridge.webhooks.models import PendingWriteback, WritebackMark

    models: tuple[Any, ...] = (PendingWriteback, WritebackMark)
    return sorted({task for model in models for task in model.objects.values_list("task_id", flat=True)})


def fold(storage: Any) -> None:
    """What a delivery begins with: marks become what it leases."""
    from polardb_bridge.webhooks import outbox

    outbox.release(outbox.lease_due(storage, 10_000))


def state(row: dict[str, Any]) -> tuple[Any, int, str | None]:
    return row["annotation_data"], row["annotation_count"], row["annotation_uid"]


def uid(annotation_id: int) -> str:
    from tasks.models import Annotation

    return str(Annotation.objects.get(pk=annotation_id).unique_id)


def run_action(project: LabelingProject, name: str, *row_ids: int, **data: Any) -> Any:
    """A Data Manager action on the tasks of these rows, as the browser asks for it."""
    selected = {"all": False, "included": [project.tasks[row_id].pk for row_id in row_ids]}
    answer = project.api.post(
        f"/api/dm/actions/?id={name}&project={project.provisioned.project.pk}",
        {"selectedItems": selected, **data},
        format="json",
    )
    assert answer.status_code == 200, answer.content
    return answer.json()
