"""Results that rows hold already: annotations or predictions of their new tasks.

So a project that was dropped and created again for the same table picks up where it stopped.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from projects.models import ProjectSummary
from tasks.models import Annotation, Prediction, Task

from polardb_bridge.errors import RowError
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.signals import annotations_read
from polardb_bridge.table.connection import connect
from polardb_bridge.table.keys import Key
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.primary import at_primary
from polardb_bridge.table.stored import StoredResult, Unreadable, read_results

MODEL_VERSION = "table"
_REGION_KEYS = {"type": str, "value": dict, "from_name": str, "to_name": str}
# Between two regions, of no control.
_RELATION = "relation"
_RELATION_KEYS = {"from_id": str, "to_id": str}
# Types of what is not drawn: the results of one kind of control mean nothing to another.
_UNDRAWN = {"choices", "taxonomy", "textarea", "number", "rating", "datetime", "pairwise", "ranker"}


@dataclass(frozen=True)
class ExistingResult:
    """A row's result, checked. uid: the annotation's `unique_id`, if the row holds one."""

    regions: list[dict[str, Any]]
    uid: uuid.UUID | None
    created_at: datetime
    updated_at: datetime


def read_existing(
    storage: PolarDBImportStorage, source: ConnectionParameters, row_ids: Sequence[Key]
) -> tuple[dict[Key, ExistingResult], dict[Key, RowError]]:
    """The results of these rows, and by row id why one cannot be used; both leave out rows without result.

    Raises:
        BridgeError: the table cannot be read.
    """
    # A replica that lags may hold the result before the newest.
    with connect(source) as connection, at_primary(connection):
        stored = read_results(connection, storage.source_table, row_ids)
    controls = storage.project.get_parsed_config()
    good: dict[Key, ExistingResult] = {}
    bad: dict[Key, RowError] = {}
    for row_id, result in stored.items():
        if result.is_nothing:
            continue
        try:
            good[row_id] = _checked(result, controls)
        except RowError as error:
            bad[row_id] = error
    return good, bad


def _checked(result: StoredResult, controls: Mapping[str, Any]) -> ExistingResult:
    if isinstance(result.data, Unreadable):
        raise _refused(result.data.problem)
    if not isinstance(result.data, list):
        raise _refused("is not a list of regions")
    for number, region in enumerate(result.data, 1):
        _check_region(region, number, controls)
    try:
        uid = uuid.UUID(result.uid) if result.uid else None
    except ValueError:
        uid = None
    # Times can be NULL until somebody labels, and others who write results may not set them.
    created_at = result.created_at or result.updated_at or timezone.now()
    return ExistingResult(result.data, uid, created_at, result.updated_at or created_at)


def _check_region(region: Any, number: int, controls: Mapping[str, Any]) -> None:
    """See that the editor shows a region: what it does not know, it drops when somebody submits."""
    if not isinstance(region, dict):
        raise _refused(f"has a region {number} that is not an object")
    is_relation = region.get("type") == _RELATION
    for key, kind in (_RELATION_KEYS if is_relation else _REGION_KEYS).items():
        if not isinstance(region.get(key), kind):
            raise _refused(f"has a region {number} whose {key!r} is missing or of the wrong type")
    if is_relation:
        return
    name, found = region["from_name"], region["type"]
    if name not in controls:
        raise _refused(f"has a region {number} whose control {name!r} is not in the labeling config")
    control, wanted = controls[name], controls[name]["type"].lower()
    if found != wanted and {found, wanted} & _UNDRAWN:
        raise _refused(f"has a region {number} of type {found!r}, and its control {name!r} is now of type {wanted!r}")
    if region["to_name"] not in control["to_name"]:
        raise _refused(f"has a region {number} on {region['to_name']!r}, which its control {name!r} does not label")


def _refused(problem: str) -> RowError:
    return RowError(f"annotation_data {problem}; it stays in the row and is not imported")


def create_annotations(storage: PolarDBImportStorage, existing: Sequence[tuple[Task, ExistingResult]]) -> None:
    """Annotations with the ids and times of the rows. They are no change of ours: nothing goes back into the rows."""
    uids = [result.uid for _, result in existing if result.uid]
    taken = set(Annotation.objects.filter(unique_id__in=uids).values_list("unique_id", flat=True))
    # Django's own queryset: that of the model marks what it creates for write-back (webhooks/capture.py).
    annotations = QuerySet(Annotation).bulk_create(
        Annotation(
            task=task,
            project=storage.project,
            completed_by=storage.project.created_by,
            result=result.regions,
            result_count=len(result.regions),
            unique_id=_free(result.uid, taken),
        )
        for task, result in existing
    )
    for annotation, (_, result) in zip(annotations, existing, strict=True):
        annotation.created_at, annotation.updated_at = result.created_at, result.updated_at
    QuerySet(Annotation).bulk_update(annotations, ["created_at", "updated_at"], batch_size=200)
    summary = ProjectSummary.objects.select_for_update().get(project=storage.project)
    # Label Studio forgets all labels but the last of a control that it meets for the first time (projects/models.py).
    controls = {region["from_name"] for _, result in existing for region in result.regions if "from_name" in region}
    summary.created_labels = {**{name: {} for name in controls}, **summary.created_labels}
    summary.update_created_annotations_and_labels(annotations)
    annotations_read.send(sender=type(storage), storage=storage, task_ids=[task.pk for task, _ in existing])


def _free(uid: uuid.UUID | None, taken: set[uuid.UUID]) -> uuid.UUID:
    """`uid`, unless there is none or another annotation has it (Label Studio wants them unique)."""
    if uid is None or uid in taken:
        return uuid.uuid4()
    taken.add(uid)
    return uid


def create_predictions(storage: PolarDBImportStorage, existing: Iterable[tuple[Task, ExistingResult]]) -> None:
    """Predictions of the model version "table", which people who label see from now on if they saw none before."""
    project = storage.project
    if not project.model_version:
        # As Label Studio's own import does (tasks/serializers.py): it shows those of this version only.
        project.model_version = MODEL_VERSION
        project.save(update_fields=["model_version"])
    Prediction.objects.bulk_create(
        Prediction(task=task, project=project, result=result.regions, model_version=MODEL_VERSION)
        for task, result in existing
    )
