"""What Label Studio 1.23 did not mean as an extension point, wrapped here and nowhere else.

Each entry says what Label Studio does and why that is not enough; `tests/integration/test_label_studio*.py`
fail if a new release changes it. Nothing of Label Studio is imported before a function needs it: the
settings are made with `load_settings`.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.models import Task
    from users.models import User


def package_folder() -> Path:
    """The folder of the installed `label_studio` package."""
    import label_studio

    return Path(label_studio.__file__).parent


def load_settings() -> dict[str, Any]:
    """Label Studio's own settings, by name.

    `core.settings.label_studio` reads `django.conf.settings` while it is being imported (lines 44 and 49), which
    fails unless it is itself the settings module. So Django is shown Label Studio's base settings for that time.
    """
    from django.conf import UserSettingsHolder, global_settings, settings
    from django.utils.functional import empty

    # Until its own logging is set up, Label Studio prints all it does (base.py), unless somebody has set up logging.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    # Label Studio asks the database for a column while its modules are imported (projects/models.py, get_queryset).
    warnings.filterwarnings("ignore", message="Accessing the database during app initialization")
    folder = str(package_folder())
    # Label Studio's modules import one another by top-level names (`core`, `tasks`, …).
    if folder not in sys.path:
        sys.path.insert(0, folder)
    base = importlib.import_module("core.settings.base")
    stand_in = UserSettingsHolder(global_settings)
    for name, value in vars(base).items():
        if name.isupper():
            setattr(stand_in, name, value)
    settings._wrapped = stand_in
    try:
        module = importlib.import_module("core.settings.label_studio")
    finally:
        settings._wrapped = empty
    return {name: value for name, value in vars(module).items() if name.isupper()}


def disable_telemetry() -> None:
    """Keep Label Studio from reporting to its makers unless the environment asks for it.

    The error reports of server and browser go to HumanSignal's Sentry by default, and usage to their analytics.
    Call before `load_settings`: Sentry starts while the settings are imported.
    """
    for name in ("SENTRY_DSN", "FRONTEND_SENTRY_DSN", "COLLECT_ANALYTICS", "LATEST_VERSION_CHECK"):
        if not any(prefix + name in os.environ for prefix in ("LABEL_STUDIO_", "HEARTEX_", "")):
            os.environ[name] = "" if name.endswith("DSN") else "false"


# Names that the storage wizard's parts give one another, and how often each pattern is in main.js: where a part is
# defined, and where it is used. storage/ui/ recognises the parts by them (tests/integration/test_storage_wizard.py).
_WIZARD_PATTERNS = {
    rb"\bstorageTypes:[\w$]+,providers:[\w$]+": 2,
    rb"\bfilesPreview:[\w$]+,formatSize:[\w$]+,onImportSettingsChange\b": 2,
}
# Under this name, and no other, Label Studio's frontend opens its storage wizard (libs/core, feature flags).
WIZARD_ENVIRONMENT = "opensource"


def can_extend_storage_wizard(react_app: Path) -> bool:
    """Whether the frontend in the folder `react_app` has the storage wizard that storage/ui/ adds a provider to.

    The wizard's providers are compiled into Label Studio's frontend, and it opens any other type of storage as an
    empty Amazon S3 form. Without the wizard, the page draws its forms from `form_layout.yml`.
    """
    try:
        script = (react_app / "main.js").read_bytes()
    except OSError:
        return False
    return all(len(re.findall(pattern, script)) == times for pattern, times in _WIZARD_PATTERNS.items())


def storage_form_environment(react_app: Path) -> str:
    """The value of FRONTEND_SENTRY_ENVIRONMENT that makes the Cloud Storage page open a form that we can fill."""
    return WIZARD_ENVIRONMENT if can_extend_storage_wizard(react_app) else "opensource-polardb"


@contextmanager
def acting_user(user: User | None) -> Iterator[None]:
    """Run as `user` where nobody acts yet: in a command or a job.

    Label Studio writes task states (FSM) only where a user is in its request context.
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


def delete_organization(organization: Any) -> None:
    """Delete an organization with its settings; call it in a transaction, when its projects are gone.

    `Organization.delete` leaves the settings of its tokens and sessions behind (jwt_auth/models.py and
    session_policy/models.py, DO_NOTHING), which PostgreSQL and SQLite refuse.
    """
    from django.db.models import DO_NOTHING

    for relation in organization._meta.related_objects:
        if relation.on_delete is DO_NOTHING:
            relation.related_model.objects.filter(**{relation.field.name: organization}).delete()
    organization.delete()


# What of an annotation decides what its row holds.
_WRITTEN_FIELDS = frozenset({"result", "was_cancelled", "task", "task_id", "unique_id", "created_at", "updated_at"})


def capture_bulk_changes(changed: Callable[[Iterable[int]], None]) -> None:
    """Call `changed` with task ids, in the same transaction, whenever annotations are changed as a set.

    Label Studio changes annotations without a signal: the label bulk update (labels_manager/functions.py), "Remove
    Duplicated Tasks" (data_manager/actions/remove_duplicates.py, move_annotations), and creates them with one of its
    own only. All of them go through the queryset of the annotation manager. Django's collector, which deletes what
    belongs to a deleted task or project, does not.
    """
    from django.db import transaction
    from django.db.models import QuerySet
    from tasks.models import AnnotationQuerySet

    def task_ids(annotations: Any) -> set[int]:
        return set(annotations.order_by().values_list("task_id", flat=True).distinct())

    def update(self: Any, **values: Any) -> Any:
        if not _WRITTEN_FIELDS.intersection(values):
            return QuerySet.update(self, **values)
        with transaction.atomic(savepoint=False):
            tasks = task_ids(self)
            moved = list(self.values_list("pk", flat=True)) if {"task", "task_id"} & values.keys() else []
            updated = QuerySet.update(self, **values)
            changed(tasks | task_ids(self.model.objects.filter(pk__in=moved)))
        return updated

    def bulk_create(self: Any, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        with transaction.atomic(savepoint=False):
            created: list[Any] = QuerySet.bulk_create(self, objs, *args, **kwargs)
            changed({annotation.task_id for annotation in created})
        return created

    def delete(self: Any) -> Any:
        with transaction.atomic(savepoint=False):
            changed(task_ids(self))
            return QuerySet.delete(self)

    methods: tuple[Any, ...] = (update, bulk_create, delete)
    for method in methods:
        method.alters_data = True  # Django keeps templates from calling such methods
        setattr(AnnotationQuerySet, method.__name__, method)


def capture_removed_duplicates(move_links: Callable[[int, list[int]], None]) -> None:
    """Call `move_links` with the kept task and the others before "Remove Duplicated Tasks" deletes these.

    Label Studio copies the links of its own storage types to the task that it keeps (remove_duplicates.py,
    restore_storage_links_for_duplicated_tasks) and knows no others: the kept task would lose its row.
    """
    from data_manager.actions import remove_duplicates

    restore = remove_duplicates.restore_storage_links_for_duplicated_tasks

    def restore_all(duplicates: dict[str, list[dict[str, Any]]]) -> None:
        restore(duplicates)
        for group in duplicates.values():
            annotated = [task for task in group if task["total_annotations"] + task["cancelled_annotations"] > 0]
            kept = (annotated or group)[0]["id"]
            move_links(kept, [task["id"] for task in group if task["id"] != kept])

    remove_duplicates.restore_storage_links_for_duplicated_tasks = restore_all


# How long a Redis that did not answer is not asked again.
REDIS_PAUSE_S = 10.0


def remember_dead_redis() -> None:
    """Do not ask a Redis that does not answer several times in every request.

    Label Studio checks Redis before each use of it (core/redis.py, redis_healthcheck), up to eight times a request
    for its record of user activity: each check of one that hangs takes as long as the connection's limit.
    """
    from core import redis

    check = redis.redis_healthcheck
    paused_until = 0.0

    def redis_healthcheck() -> bool:
        nonlocal paused_until
        if time.monotonic() < paused_until:
            return False
        healthy = bool(check())
        if not healthy:
            paused_until = time.monotonic() + REDIS_PAUSE_S
        return healthy

    redis.redis_healthcheck = redis_healthcheck


# Puts whoever is signed in without an organization into the first one.
ORGANIZATION_MIDDLEWARE = "organizations.middleware.DummyGetSessionMiddleware"


def check_objects(may_see: Callable[[Any, Any], bool]) -> None:
    """Ask `may_see(user, object)` about each object that a view finds, and each that a body names.

    Some of Label Studio's views check only who is signed in (data_import/api.py, FileUploadAPI), and its serializers
    take any object of any organization: a storage could be moved into a foreign project (io_storages/api.py), a
    prediction added to a foreign task (tasks/api.py), somebody made a user of another organization (users/api.py).
    """
    from core.current_request import CurrentContext
    from rest_framework.relations import PrimaryKeyRelatedField
    from rest_framework.views import APIView

    check = APIView.check_object_permissions
    read = PrimaryKeyRelatedField.to_internal_value

    def check_object_permissions(self: Any, request: Any, obj: Any) -> None:
        if request.user.is_superuser:
            return
        check(self, request, obj)
        if not may_see(request.user, obj):
            self.permission_denied(request)

    def to_internal_value(self: Any, data: Any) -> Any:
        found = read(self, data)
        # Some of its views make serializers without a context (io_storages/functions.py, validate_storage_instance).
        request = self.context.get("request") or CurrentContext.get_request()
        if request is not None and not may_see(request.user, found):
            self.fail("does_not_exist", pk_value=data)
        return found

    APIView.check_object_permissions = check_object_permissions
    PrimaryKeyRelatedField.to_internal_value = to_internal_value


def check_drafts() -> None:
    """Have the drafts of a task checked like the task: `AnnotationDraftListAPI` (tasks/api.py) checks nothing."""
    from rest_framework.generics import get_object_or_404
    from tasks.api import AnnotationDraftListAPI
    from tasks.models import Annotation, Task

    initial = AnnotationDraftListAPI.initial

    def checked(self: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        initial(self, request, *args, **kwargs)
        task = get_object_or_404(Task, pk=kwargs["pk"])
        self.check_object_permissions(request, task)
        if "annotation_id" in kwargs:
            get_object_or_404(Annotation, pk=kwargs["annotation_id"], task=task)

    AnnotationDraftListAPI.initial = checked


def check_invitations(check: Callable[[Any], None]) -> None:
    """Call `check(user)` before somebody lets people in: it raises where he may not.

    Any member may make users (users/api.py, UserAPI) and read and renew the invitation link (organizations/api.py).
    """
    from organizations.api import OrganizationInviteAPI, OrganizationResetTokenAPI
    from users.api import UserAPI

    def guard(view: Any, name: str) -> None:
        original = getattr(view, name)

        def guarded(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            check(request.user)
            return original(self, request, *args, **kwargs)

        setattr(view, name, guarded)

    guard(UserAPI, "create")
    guard(OrganizationInviteAPI, "get")
    guard(OrganizationResetTokenAPI, "post")


def hide_other_organizations() -> None:
    """Show of a user's organization only what is the reader's own as well.

    A user who works in several is described with the title and the owner of the active one (users/serializers.py,
    BaseUserSerializer) to the members of all.
    """
    from users.serializers import BaseUserSerializer

    represent = BaseUserSerializer.to_representation

    def to_representation(self: Any, instance: Any) -> Any:
        shown = represent(self, instance)
        request = self.context.get("request")
        reader = self.context.get("user") or (request.user if request else None)
        if reader is None or reader.is_superuser or "active_organization" not in shown:
            return shown
        if shown["active_organization"] != reader.active_organization_id:
            shown |= {"active_organization": None, "active_organization_meta": {"title": "", "email": ""}}
        return shown

    BaseUserSerializer.to_representation = to_representation


def watch_identities(identified: Callable[[Any, Any], None], token_read: Callable[[Any, Any, bool], None]) -> None:
    """Call `identified(request, user)` when a view has found out who asks, before it acts.

    Django REST framework does that within the view (tokens, X-Api-Key, …), where no middleware sees it. The views that
    renew and revoke tokens (jwt_auth/views.py) ask for no user at all: `token_read(request, user id, signed)` is called
    for each token that they read; `signed` tells whether its signature was verified, which it is not for a token to
    revoke (jwt_auth/models.py, TruncatedLSAPIToken). Both raise to end the request.
    """
    from core.current_request import CurrentContext
    from rest_framework.request import Request
    from rest_framework_simplejwt.settings import api_settings
    from rest_framework_simplejwt.tokens import AccessToken, Token

    authenticate = Request._authenticate
    read_token = Token.__init__

    def _authenticate(self: Any) -> None:
        authenticate(self)
        if self._user is not None and self._user.is_authenticated:
            identified(self._request, self._user)

    def read(self: Any, token: Any = None, verify: bool = True) -> None:
        read_token(self, token, verify)
        request = CurrentContext.get_request()
        # An access token is read to find out who asks, which `identified` is told.
        if token is not None and request is not None and not isinstance(self, AccessToken):
            token_read(request, self.payload.get(api_settings.USER_ID_CLAIM), verify)

    Request._authenticate = _authenticate
    setattr(Token, "__init__", read)  # noqa: B010  # mypy lets no method be assigned
