"""Every way in which a person changes an annotation, and the row it ends in."""

from __future__ import annotations

from polardb_bridge.storage.models import PolarDBExportStorage
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import EMPTY, dirty_tasks, state, uid


def test_skipping_the_only_annotation_clears_the_row_and_unskipping_brings_it_back(
    project: LabelingProject, source: Source
) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    url = f"/api/annotations/{annotation_id}/"
    assert project.api.patch(url, {"was_cancelled": True}, format="json").status_code == 200
    project.deliver()
    assert state(source.row(1)) == EMPTY
    assert project.api.patch(url, {"was_cancelled": False}, format="json").status_code == 200
    project.deliver()
    assert state(source.row(1)) == ([region("cat")], 1, uid(annotation_id))


def test_a_skipped_task_is_cleared_even_where_deleting_is_off(project: LabelingProject, source: Source) -> None:
    PolarDBExportStorage.objects.update(can_delete_objects=False)
    project.submit(1, region("cat"))
    project.deliver()
    annotation = project.tasks[1].annotations.get()
    project.api.patch(f"/api/annotations/{annotation.pk}/", {"was_cancelled": True}, format="json")
    project.deliver()
    assert state(source.row(1)) == EMPTY


def test_a_skip_without_any_annotation_leaves_an_empty_row(project: LabelingProject, source: Source) -> None:
    project.submit(1, was_cancelled=True)
    project.deliver()
    assert state(source.row(1)) == EMPTY


def test_the_newest_of_several_annotators_wins_and_all_are_counted(project: LabelingProject, source: Source) -> None:
    first = project.submit(1, region("cat"))
    second = project.submit(1, region("dog"))
    project.submit(1, region("cat", x=3), was_cancelled=True)
    project.deliver()
    assert state(source.row(1)) == ([region("dog")], 2, uid(second))
    project.api.patch(f"/api/annotations/{first}/", {"result": [region("cat", x=77)]}, format="json")
    project.deliver()
    assert state(source.row(1)) == ([region("cat", x=77)], 2, uid(first))


def test_deleting_the_newest_brings_back_the_one_before(project: LabelingProject, source: Source) -> None:
    first = project.submit(1, region("cat"))
    second = project.submit(1, region("dog"))
    project.deliver()
    assert project.api.delete(f"/api/annotations/{second}/").status_code == 204
    project.deliver()
    assert state(source.row(1)) == ([region("cat")], 1, uid(first))


def test_deleting_by_hand_leaves_the_row_where_deleting_is_off(project: LabelingProject, source: Source) -> None:
    PolarDBExportStorage.objects.update(can_delete_objects=False)
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    before = source.row(1)
    project.api.delete(f"/api/annotations/{annotation_id}/")
    project.deliver()
    assert source.row(1) == before


def test_an_annotation_that_becomes_a_draft_leaves_its_row(project: LabelingProject, source: Source) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    assert project.api.post(f"/api/annotations/{annotation_id}/convert-to-draft", {}, format="json").status_code == 201
    project.deliver()
    assert state(source.row(1)) == EMPTY


def test_a_change_counts_while_label_studio_has_all_signals_off(project: LabelingProject, source: Source) -> None:
    """As in another thread while a project is deleted (core/utils/common.py)."""
    from core.utils.common import temporary_disconnect_all_signals
    from tasks.models import Annotation

    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    with temporary_disconnect_all_signals():
        annotation = Annotation.objects.get(pk=annotation_id)
        annotation.result = [region("dog")]
        annotation.save()
        project.submit(2, region("cat"))
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("dog")]
    assert source.row(2)["annotation_data"] == [region("cat")]


def test_a_change_that_is_rolled_back_leaves_no_mark(project: LabelingProject) -> None:
    from django.db import transaction
    from tasks.models import Annotation

    with transaction.atomic():
        Annotation.objects.create(task=project.tasks[1], project=project.provisioned.project, result=[region()])
        assert len(dirty_tasks()) == 1
        transaction.set_rollback(True)
    assert not dirty_tasks()


def test_what_no_table_shows_leaves_no_mark(project: LabelingProject) -> None:
    from tasks.models import Annotation

    project.submit(1, region("cat"))
    project.deliver()
    Annotation.objects.update(prediction={"model_version": "m"})
    assert not dirty_tasks()


def test_an_annotation_that_moves_changes_both_rows(project: LabelingProject, source: Source) -> None:
    from tasks.models import Annotation

    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    annotation = Annotation.objects.get(pk=annotation_id)
    annotation.task = project.tasks[2]
    annotation.save()
    project.deliver()
    assert state(source.row(1)) == EMPTY
    assert source.row(2)["annotation_data"] == [region("cat")]
    Annotation.objects.filter(pk=annotation_id).update(task=project.tasks[3])
    project.deliver()
    assert state(source.row(2)) == EMPTY
    assert source.row(3)["annotation_data"] == [region("cat")]
