"""The newest annotation is what Label Studio got last; no clock has a say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from polardb_bridge.webhooks import outbox, sequence
from polardb_bridge.webhooks.models import AnnotationSequence
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import uid


def set_time(annotation_id: int, hours: float) -> None:
    """As another clock would have it; Django's own queryset leaves no mark."""
    from django.db.models import QuerySet
    from tasks.models import Annotation

    at = timezone.now() + timedelta(hours=hours)
    QuerySet(Annotation).filter(pk=annotation_id).update(updated_at=at, created_at=at)


def newest(project: LabelingProject, source: Source, row_id: int = 1) -> str | None:
    project.deliver()
    assert reconcile(project.export_storage, dry_run=True).different == 0
    found: str | None = source.row(row_id)["annotation_uid"]
    return found


def test_a_result_read_from_its_row_is_older_than_any_submit(project: LabelingProject, source: Source) -> None:
    read = project.submit(1, region("cat"))
    AnnotationSequence.objects.all().delete()
    set_time(read, +2)
    submitted = project.submit(1, region("dog"))
    assert newest(project, source) == uid(submitted)
    # Of two without a number, their times decide, as they always did.
    AnnotationSequence.objects.all().delete()
    project.api.patch(f"/api/annotations/{submitted}/", {"ground_truth": True}, format="json")
    set_time(read, +2)
    outbox.mark([(project.export_storage.pk, project.tasks[1].pk)])
    assert newest(project, source) == uid(read)


def test_a_clock_that_was_set_back_does_not_decide(project: LabelingProject, source: Source) -> None:
    project.submit(1, region("cat"))
    second = project.submit(1, region("dog"))
    set_time(second, -2)
    assert newest(project, source) == uid(second)


def test_a_changed_result_is_the_newest_and_a_star_is_not(project: LabelingProject, source: Source) -> None:
    first = project.submit(1, region("cat"))
    second = project.submit(1, region("dog"))
    project.api.patch(f"/api/annotations/{first}/", {"ground_truth": True, "lead_time": 9}, format="json")
    assert newest(project, source) == uid(second)
    project.api.patch(f"/api/annotations/{first}/", {"result": [region("cat")]}, format="json")
    assert newest(project, source) == uid(second), "the same result again"
    project.api.patch(f"/api/annotations/{first}/", {"result": [region("cat", x=11)]}, format="json")
    assert newest(project, source) == uid(first)


def test_changed_labels_keep_the_order(project: LabelingProject, source: Source, settings: Any) -> None:
    from support.writeback import run_action

    settings.EXPERIMENTAL_FEATURES = True
    first = project.submit(1, region("cat"))
    project.submit(1, region("cat"))
    project.api.patch(f"/api/annotations/{first}/", {"result": [region("cat", x=11)]}, format="json")
    labels = {"old_label": ["cat"], "new_label": ["lynx"], "project": project.provisioned.project.pk}
    assert project.api.post("/api/labels/bulk", labels, format="json").json()["annotations_updated"] == 2
    assert newest(project, source) == uid(first)
    run_action(project, "rename_labels", 1, old_label_name="lynx", new_label_name="tiger", control_tag="label")
    assert newest(project, source) == uid(first)
    assert source.row(1)["annotation_data"] == [region("tiger", x=11)]


def test_many_at_once_come_in_their_order(project: LabelingProject, source: Source) -> None:
    from tasks.models import Annotation

    task = project.tasks[1]
    made = Annotation.objects.bulk_create(
        [Annotation(task=task, project=task.project, result=[region("dog", x=x)]) for x in range(3)]
    )
    assert newest(project, source) == uid(made[-1].pk)


def test_deliveries_forget_numbers_that_later_ones_replace(project: LabelingProject, source: Source) -> None:
    first = project.submit(1, region("cat"))
    for x in range(4):
        project.api.patch(f"/api/annotations/{first}/", {"result": [region("cat", x=x)]}, format="json")
    assert AnnotationSequence.objects.count() == 5
    project.deliver()
    assert AnnotationSequence.objects.get().annotation_id == first
    project.tasks[1].delete()
    sequence.drop_gone()
    assert not AnnotationSequence.objects.exists()


@pytest.mark.parametrize("storages", ["a source only", "none"])
def test_numbers_are_for_projects_with_a_table(project: LabelingProject, storages: str) -> None:
    project.provisioned.export_storage.delete()
    if storages == "none":
        project.provisioned.import_storage.delete()
    project.submit(1, region("cat"))
    assert AnnotationSequence.objects.count() == (storages == "a source only")


def test_a_submit_beside_a_deletion_is_answered(project: LabelingProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Label Studio reads the annotation again for its webhooks; another request has deleted it by then."""
    from django.db.models.signals import post_save
    from tasks.models import Annotation

    def delete(sender: Any, instance: Any, created: bool, **kwargs: Any) -> None:
        if created:
            Annotation.objects.filter(pk=instance.pk).delete()

    post_save.connect(delete, sender=Annotation)
    try:
        answer = project.api.post(
            f"/api/tasks/{project.tasks[1].pk}/annotations/", {"result": [region()]}, format="json"
        )
    finally:
        post_save.disconnect(delete, sender=Annotation)
    assert (answer.status_code, answer.json()["detail"]) == (404, "It was deleted meanwhile.")
