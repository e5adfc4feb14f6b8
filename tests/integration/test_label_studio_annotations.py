"""What capturing changes of annotations relies on: these fail if a new Label Studio saves or deletes them otherwise."""

from __future__ import annotations

import inspect

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from polardb_bridge.webhooks.capture import AnnotationMixin
from support.labeling import LabelingProject
from support.source_data import region


def test_annotations_are_saved_through_the_mixin() -> None:
    from tasks.models import Annotation

    assert issubclass(Annotation, AnnotationMixin)
    called = inspect.getsource(models.Model.save_base)
    assert "self._save_table(" in called


def test_a_saved_annotation_and_its_mark_share_a_transaction(project: LabelingProject, transactional_db: None) -> None:
    """Outside of any transaction, as in Label Studio's views: between BEGIN and COMMIT are both, and nothing else."""
    from tasks.models import Annotation

    annotation = Annotation(task=project.tasks[1], project=project.provisioned.project, result=[region()])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        annotation.save()
    statements = [query["sql"] for query in queries]
    begin = next(i for i, sql in enumerate(statements) if sql.startswith("BEGIN"))
    commit = next(i for i, sql in enumerate(statements) if sql.startswith("COMMIT"))
    inside = [sql.split("(")[0].strip() for sql in statements[begin + 1 : commit]]
    ours = [f'INSERT INTO "polardb_io_storages_{name}"' for name in ("annotationsequence", "writebackmark")]
    assert inside == ['INSERT INTO "task_completion"', *ours]


@pytest.mark.parametrize("method", ["update", "bulk_create", "delete"])
def test_bulk_changes_go_through_the_queryset_that_is_wrapped(method: str) -> None:
    from tasks.models import Annotation, AnnotationQuerySet, Task

    assert getattr(AnnotationQuerySet, method).__module__ == "polardb_bridge.label_studio.annotations"
    assert method in vars(AnnotationQuerySet)
    # The manager of the model, and the one of a task's annotations (remove_duplicates.py, move_annotations).
    for queryset in (Annotation.objects.all(), Task().annotations.model._default_manager.get_queryset()):
        assert getattr(type(queryset), method) is getattr(AnnotationQuerySet, method)


def test_bulk_update_ends_in_update() -> None:
    assert ".update(" in inspect.getsource(models.QuerySet.bulk_update)


def test_cascades_do_not_use_that_queryset() -> None:
    from tasks.models import Annotation, AnnotationQuerySet

    assert not isinstance(Annotation._base_manager.all(), AnnotationQuerySet)


def test_remove_duplicates_still_restores_links_before_it_moves_and_deletes() -> None:
    from data_manager.actions import remove_duplicates

    source = inspect.getsource(remove_duplicates.remove_duplicates_job)
    steps = [
        "restore_storage_links_for_duplicated_tasks(duplicates)",
        "move_annotations(duplicates)",
        "remove_duplicated_tasks(duplicates, project, queryset)",
    ]
    positions = [source.index(step) for step in steps]
    assert positions == sorted(positions)
    assert (
        remove_duplicates.restore_storage_links_for_duplicated_tasks.__module__
        == "polardb_bridge.label_studio.annotations"
    )


def test_label_studio_still_switches_signals_off_for_the_whole_process() -> None:
    from core.utils.common import temporary_disconnect_all_signals
    from django.db.models.signals import post_save

    before = post_save.receivers
    with temporary_disconnect_all_signals():
        assert not post_save.receivers
    assert post_save.receivers is before
