"""Tasks: their states, and the pages that list them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from tasks.models import Task
    from users.models import User


@contextmanager
def acting_user(user: User | None) -> Iterator[None]:
    """Run as `user` if nobody acts yet: in a command or a job.

    Label Studio writes task states (FSM) only if there is a user in its request context.
    """
    from core.current_request import CurrentContext

    if user is None or CurrentContext.get_user() is not None:
        yield
        return
    CurrentContext.set_user(user)
    try:
        yield
    finally:
        CurrentContext.clear()


def prefetch_import_links(link_model: Any) -> None:
    """Have the Data Manager's pages of tasks read the links of `link_model` and their storages together.

    `TaskListAPI.prefetch` names the links of Label Studio's own storages only (data_manager/api.py): with ours, each
    task of a page costs two more queries.
    """
    from data_manager.api import TaskListAPI
    from django.db.models import Prefetch

    original = TaskListAPI.prefetch
    links = link_model.objects.select_related("storage")
    accessor = link_model._meta.get_field("task").remote_field.get_accessor_name()

    def prefetch(queryset: Any) -> Any:
        return original(queryset).prefetch_related(Prefetch(accessor, queryset=links))

    TaskListAPI.prefetch = staticmethod(prefetch)


def create_task_states(tasks: Sequence[Task], organization_id: int | None, user: User | None) -> None:
    """Write the first state (FSM) of new tasks in one statement.

    Label Studio's own storage sync calls `backfill_fsm_states_for_tasks`, which takes several queries a task.
    """
    from core.current_request import CurrentContext
    from fsm.state_choices import TaskStateChoices
    from fsm.state_models import TaskState

    if not CurrentContext.is_fsm_enabled():
        return
    TaskState.objects.bulk_create(
        TaskState(
            task=task,
            project_id=task.project_id,
            organization_id=organization_id,
            state=TaskStateChoices.CREATED,
            transition_name="task_created",
            triggered_by=user,
            context_data={"skip_validation": True, "reason": "Created by storage sync"},
            reason="Created by storage sync",
        )
        for task in tasks
    )


def watch_deletions(by_hand: Callable[[QuerySet[Task]], None]) -> None:
    """Call `by_hand` with the tasks that somebody is about to delete: in the Data Manager, or one by the API.

    Deletions of whole projects pass neither method, and `delete_tasks` is left out.
    """
    from tasks.models import Task

    delete_many, delete = Task.delete_tasks_without_signals, Task.delete

    @wraps(delete_many)
    def delete_tasks_without_signals(queryset: QuerySet[Task]) -> Any:
        by_hand(queryset)
        return delete_many(queryset)

    @wraps(delete)
    def delete_one(self: Task, *args: Any, **kwargs: Any) -> Any:
        by_hand(Task.objects.filter(pk=self.pk))
        return delete(self, *args, **kwargs)

    Task.delete_tasks_without_signals = staticmethod(delete_tasks_without_signals)
    Task.delete = delete_one


def delete_tasks(task_ids: Iterable[int]) -> None:
    """Delete tasks as Label Studio does in bulk, because their rows are gone and not because a person wants it."""
    from tasks.models import Task

    delete_many = Task.delete_tasks_without_signals
    getattr(delete_many, "__wrapped__", delete_many)(Task.objects.filter(pk__in=list(task_ids)))
