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

    def _save_table(
        self,
        raw: bool = False,
        cls: Any = None,
        force_insert: Any = False,
        force_update: bool = False,
        using: Any = None,
        update_fields: Any = None,
    ) -> bool:
        """The statement of a save, without its signals: Label Studio's receivers stay outside of the transaction.

        Django calls it from `Model.save_base`; `test_label_studio_annotations.py` fails if that changes.
        """
        from polardb_bridge.storage.images import labeled
        from polardb_bridge.webhooks import outbox, sequence

        arguments = (raw, cls, force_insert, force_update, using, update_fields)
        # `_original_values` is what Label Studio loaded (fsm/models.py): an annotation can move to another task.
        task_ids = {self.task_id, getattr(self, "_original_values", {}).get("task_id")} - {None}
        destinations = outbox.destinations(task_ids)
        if not destinations.has_source:
            return bool(super()._save_table(*arguments))
        with transaction.atomic(savepoint=False):
            is_newest = self._is_new_result(update_fields)
            updated: bool = super()._save_table(*arguments)
            if is_newest:
                sequence.came_now([self.pk])
                labeled.mark(destinations.by_link)
            mark(destinations.pairs)
        return updated

    def _is_new_result(self, update_fields: Any) -> bool:
        """Whether this save brings what people take for the newest: a submit, or a result that is another than before.

        A star or a note changes no result; renaming labels (which names its fields) changes many, whose order stays.
        """
        if self._state.adding or update_fields is not None:
            return bool(self._state.adding)
        # Locked, as the save will lock it anyway: what was loaded may be outdated.
        stored = type(self)._base_manager.filter(pk=self.pk).select_for_update()
        before = stored.values_list("result", "was_cancelled", "task_id").first()
        return bool(before != (self.result, self.was_cancelled, self.task_id))

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        with transaction.atomic(savepoint=False):
            deleted = super().delete(*args, **kwargs)
            tasks_changed([self.task_id])
        return deleted


def tasks_changed(task_ids: Iterable[int], created: Iterable[int] = ()) -> None:
    """Mark these tasks in the transaction that changed their annotations, and ask for delivery when it commits.

    created: the ids of annotations that are new, in their order.
    """
    from polardb_bridge.storage.images import labeled
    from polardb_bridge.webhooks import outbox, sequence

    destinations = outbox.destinations(task_ids)
    ids = list(created)
    if destinations.has_source and ids:
        sequence.came_now(ids)
        labeled.mark(destinations.by_link)
    mark(destinations.pairs)


def mark(targets: list[tuple[int, int]]) -> None:
    """Mark pairs of export storage and task, and ask for delivery when the transaction commits."""
    from polardb_bridge.webhooks import outbox, wakeup

    if targets:
        outbox.mark(targets)
        transaction.on_commit(wakeup.wake, robust=True)
