"""Every change of an annotation becomes a dirty mark of its task, in the same transaction. Nothing falls between.

Signals would not do. Label Studio changes annotations in bulk without any, and while it deletes a project it takes
all receivers off the signals of the whole process (core/utils/common.py, temporary_disconnect_all_signals). So the
change itself is caught, in the only ways in which Django can write an annotation:

| what happens                                      | caught in                                           |
|---------------------------------------------------|-----------------------------------------------------|
| one is saved: submit, change, skip, rename labels | `AnnotationMixin._save_table`                       |
| one is deleted, or becomes a draft                | `AnnotationMixin.delete`                            |
| many are created: import, predictions, propagate  | `bulk_create` of its queryset (label_studio/)       |
| many are changed: label bulk update, duplicates   | `update` of its queryset, which `bulk_update` calls |
| many are deleted by hand in the Data Manager      | `delete` of its queryset                            |

Annotations that go with their task, project or organization pass none of these: Django's collector deletes them
below. That is meant: whoever deletes a task does not ask for its row to change.

A mark is only added: no transaction of Label Studio can wait for another because of it.

Label Studio loads this module while it defines its models: import none of them here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from tasks.mixins import AnnotationMixin as LabelStudioAnnotationMixin


class AnnotationMixin(LabelStudioAnnotationMixin):
    """Label Studio's mixin of the annotation model (`settings.ANNOTATION_MIXIN`), marking what is saved or deleted."""

    def _save_table(self, *args: Any, **kwargs: Any) -> bool:
        """The statement of a save, without its signals: Label Studio's receivers stay outside of the transaction.

        Django calls it from `Model.save_base`; `test_label_studio_annotations.py` fails if that changes.
        """
        from polardb_bridge.webhooks import outbox

        # `_original_values` is what Label Studio loaded (fsm/models.py): an annotation can move to another task.
        task_ids = {self.task_id, getattr(self, "_original_values", {}).get("task_id")} - {None}
        targets = outbox.targets(task_ids)
        if not targets:
            return bool(super()._save_table(*args, **kwargs))
        with transaction.atomic(savepoint=False):
            updated: bool = super()._save_table(*args, **kwargs)
            mark(targets)
        return updated

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic(savepoint=False):
            deleted = super().delete(*args, **kwargs)
            tasks_changed([self.task_id])
        return deleted


def tasks_changed(task_ids: Iterable[int]) -> None:
    """Mark these tasks in the transaction that changed their annotations, and ask for delivery when it commits."""
    from polardb_bridge.webhooks import outbox

    targets = outbox.targets(task_ids)
    if targets:
        mark(targets)


def mark(targets: list[tuple[int, int]]) -> None:
    """Mark pairs of export storage and task, and ask for delivery when the transaction commits."""
    from polardb_bridge.webhooks import outbox, wakeup

    outbox.mark(targets)
    transaction.on_commit(wakeup.wake, robust=True)
