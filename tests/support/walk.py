"""Requests to every URL pattern that Label Studio resolves, with the ids of a tenant's objects in all places."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.regex_helper import normalize

from support.tenants import STORAGES, Tenant

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
Value = Callable[[Tenant], Any]


@dataclass(frozen=True)
class Pattern:
    """One way to a view. route: its address with `%(name)s` for the parameters."""

    route: str
    parameters: tuple[str, ...]
    view: Any

    def path(self, values: dict[str, Any]) -> str:
        return "/" + self.route % values


def patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[Pattern]:
    """All patterns, through all includes."""
    for entry in (resolver or get_resolver()).url_patterns:
        piece = normalize(entry.pattern.regex.pattern)[0][0]
        if isinstance(entry, URLPattern):
            route = prefix + piece
            yield Pattern(route, tuple(dict.fromkeys(re.findall(r"%\((\w+)\)s", route))), entry.callback)
        else:
            yield from patterns(entry, prefix + piece)


def _key(label: str) -> Value:
    return lambda tenant: tenant[label].pk


def _fixed(value: Any) -> Value:
    return lambda tenant: value


_STORAGE_MODELS = {
    "s3": "io_storages.S3",
    "gcs": "io_storages.GCS",
    "azure": "io_storages.AzureBlob",
    "redis": "io_storages.Redis",
    "localfiles": "io_storages.LocalFiles",
    "polardb": "polardb_io_storages.PolarDB",
}
assert set(_STORAGE_MODELS) == set(STORAGES)

# What a parameter of a route stands for: the first entry whose expression matches the route from its start counts.
PARAMETERS: list[tuple[str, dict[str, Value]]] = [
    (r"%\(path\)s/data/polardb/", {"path": _fixed("labels")}),
    (r".*\.%\(format\)s$", {"format": _fixed("json")}),
    (r".*/%\(format\)s$", {"format": _fixed(".json")}),
    *((rf"api/storages/{name}/%", {"pk": _key(f"{model}ImportStorage")}) for name, model in _STORAGE_MODELS.items()),
    *(
        (rf"api/storages/export/{name}/%", {"pk": _key(f"{model}ExportStorage")})
        for name, model in _STORAGE_MODELS.items()
    ),
    (
        r"(api/)?projects/%",
        {
            "pk": _key("projects.Project"),
            "project_id": _key("projects.Project"),
            "import_pk": _key("projects.ProjectImport"),
            "reimport_pk": _key("projects.ProjectReimport"),
            "export_pk": _key("data_export.Export"),
            "sub_path": _fixed("general"),
        },
    ),
    (
        r"(api/)?tasks/%",
        {"pk": _key("tasks.Task"), "task_id": _key("tasks.Task"), "annotation_id": _key("tasks.Annotation")},
    ),
    (r"api/annotations/%", {"pk": _key("tasks.Annotation")}),
    (r"api/drafts/%", {"pk": _key("tasks.AnnotationDraft")}),
    (r"api/predictions/?[%.]", {"pk": _key("tasks.Prediction")}),
    (r"api/organizations/%", {"pk": _key("organizations.Organization"), "user_pk": _key("users.User")}),
    (r"api/users/%", {"pk": _key("users.User")}),
    (r"api/dm/views/?%", {"pk": _key("data_manager.View")}),
    (r"api/dm/actions/%", {"action_id": _fixed("predictions_to_annotations")}),
    (r"api/import/file-upload/%", {"pk": _key("data_import.FileUpload")}),
    (r"api/ml/%", {"pk": _key("ml.MLBackend")}),
    (r"api/webhooks/%", {"pk": _key("webhooks.Webhook")}),
    (r"api/labels/%", {"pk": _key("labels_manager.Label")}),
    (r"api/label_links/%", {"pk": _key("labels_manager.LabelLink")}),
    (r"api/fsm/entities/", {"entity_name": _fixed("task"), "entity_id": _key("tasks.Task")}),
    (r"data/upload/", {"filename": lambda tenant: str(tenant["data_import.FileUpload"].file).removeprefix("upload/")}),
    (r"data/avatars/", {"path": lambda tenant: tenant.owner.avatar.name.removeprefix("avatars/")}),
    (r"(static|dm|react-app|label-studio-frontend)/%", {"path": _fixed("main.js")}),
    (r"polardb-ui/api-docs/", {"path": _fixed("redoc/LICENSE")}),
    (r"polardb/templates/%", {"pk": _fixed(1)}),
    (r"polardb/deployments/%", {"name": lambda tenant: tenant.marker, "sheet": _fixed("annotators")}),
    (r"(deployments|polardb)/%", {"name": lambda tenant: tenant.marker}),
    (r"user/account/", {"sub_path": _fixed("personal-info")}),
    (r"admin/r/", {"content_type_id": _fixed(1), "object_id": _key("projects.Project")}),
    (r"admin/users/user/%\(id\)s/password/", {"id": _key("users.User")}),
    (r"admin/%\(app_label\)s", {"app_label": _fixed("projects")}),
    (r"admin/%\(url\)s", {"url": _fixed("nothing")}),
    (
        r"django-rq/",
        {
            "queue_index": _fixed(0),
            "scheduler_index": _fixed(0),
            "job_id": _fixed("job"),
            "key": _fixed("worker"),
            "token": _fixed("token"),
        },
    ),
]
_ADMIN_OBJECT = re.compile(r"admin/(\w+)/(\w+)/%\(object_id\)s")


def is_guarded(pattern: Pattern) -> bool:
    """Whether it turns away whoever is no administrator before it looks at the method or for an object."""
    return bool(re.match(r"admin/(?!login|logout)|django-rq/(?!stats|metrics)", pattern.route))


def methods_of(pattern: Pattern) -> tuple[str, ...]:
    """The methods that lead to code of their own; the others end in the framework's 405, or are another's."""
    if is_guarded(pattern):
        return ("GET", "POST")
    actions = getattr(pattern.view, "actions", None)
    view = getattr(pattern.view, "view_class", None) or getattr(pattern.view, "cls", None)
    if view is None:
        return METHODS
    # A view without a HEAD of its own answers it by its GET.
    has = {name.upper() for name in view.http_method_names if (name in actions if actions else hasattr(view, name))}
    return tuple(name for name in METHODS if name in has | {"OPTIONS"})


def values_of(pattern: Pattern, tenant: Tenant) -> dict[str, Any]:
    """The parameters of the pattern, with the tenant's objects.

    Raises:
        LookupError: what a parameter stands for is not known.
    """
    if admin := _ADMIN_OBJECT.match(pattern.route):
        label = ".".join(admin.groups()).replace("tokenproxy", "token")
        found = {name.lower(): row for name, row in tenant.rows.items()}.get(label)
        return {"object_id": found.pk if found else 0}
    known: dict[str, Value] = {}
    for expression, parameters in PARAMETERS:
        if re.match(expression, pattern.route):
            known = {**parameters, **known}
    missing = set(pattern.parameters) - known.keys()
    if missing:
        raise LookupError(
            f"The walk does not know what {sorted(missing)} of {pattern.route} ({pattern.view}) stands for: add it to "
            "PARAMETERS in tests/support/walk.py, and to tests/support/tenants.py the model that it names."
        )
    return {name: known[name](tenant) for name in pattern.parameters}


def queries_of(pattern: Pattern, method: str, tenant: Tenant) -> list[dict[str, Any]]:
    """Query parameters that name the tenant's objects, as Label Studio's views read them."""
    query = _query_of(pattern, tenant)
    if (pattern.route, method) == ("api/dm/actions/", "POST"):
        return [{**query, "id": action} for action in settings.DATA_MANAGER_ACTIONS]
    return [query]


def _query_of(pattern: Pattern, tenant: Tenant) -> dict[str, Any]:
    project, task, view = tenant.project.pk, tenant.task.pk, tenant["data_manager.View"].pk
    query = {
        "project": project,
        "projectId": project,
        "task": task,
        "taskID": task,
        "tab": view,
        "tabID": view,
        "view": view,
        "organization": tenant.organization.pk,
        "ids": project if pattern.route.startswith("api/projects/") else task,
        "fileuri": base64.urlsafe_b64encode(f"s3://{tenant.marker}-bucket/1.png".encode()).decode(),
        "contributed_to_projects": "true",
    }
    if pattern.route.startswith("api/predictions"):
        query["task__project"] = project
    if pattern.route.startswith("storage-data"):
        query["filepath"] = str(tenant["data_import.FileUpload"].file)
    if pattern.route.endswith("data/polardb/"):
        query["d"] = f"{tenant['polardb_io_storages.PolarDBImportStorage'].pk}/1/1.jpg"
    if pattern.route.startswith("data/local-files"):
        query["d"] = f"{tenant.marker}/1.png"
    if pattern.route.startswith("api/projects/%(pk)s/next"):
        query = {}
    return query


def body_of(pattern: Pattern, tenant: Tenant) -> dict[str, Any]:
    """A body that names the tenant's objects under all names that Label Studio's views read."""
    project, task, user = tenant.project.pk, tenant.task.pk, tenant.owner.pk
    annotation, prediction = tenant["tasks.Annotation"].pk, tenant["tasks.Prediction"].pk
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        '<Label value="changed"/></RectangleLabels></View>'
    )
    return {
        "project": project,
        "projects": [project],
        "project_id": project,
        "task": task,
        "task_id": task,
        "tasks": [task],
        "task_ids": [task],
        "ids": [task, project],
        "annotation": annotation,
        "annotation_id": annotation,
        "parent_annotation": annotation,
        "parent_prediction": prediction,
        "prediction": prediction,
        "draft_id": tenant["tasks.AnnotationDraft"].pk,
        "organization": tenant.organization.pk,
        "active_organization": tenant.organization.pk,
        "organization_id": tenant.organization.pk,
        "user": user,
        "user_id": user,
        "completed_by": user,
        "created_by": user,
        "updated_by": user,
        "view": tenant["data_manager.View"].pk,
        "tabID": tenant["data_manager.View"].pk,
        "file_upload": tenant["data_import.FileUpload"].pk,
        "file_upload_ids": [tenant["data_import.FileUpload"].pk],
        "model": tenant["ml.MLBackend"].pk,
        "model_run": tenant["ml_models.ModelRun"].pk,
        "label": tenant["labels_manager.Label"].pk,
        "old_label": f"{tenant.marker}-cat",
        "new_label": "changed",
        "from_name": "label",
        "title": "changed",
        "name": "changed",
        "description": "changed",
        "email": "changed@example.com",
        "first_name": "changed",
        "password": "changed-horse-9",
        "label_config": config,
        "data": {"image": "changed", "text": "changed"},
        "result": [],
        "url": "http://127.0.0.1:9/changed",
        "headers": {"X": "changed"},
        "send_for_all_actions": True,
        "value": {"changed": 1},
        "selectedItems": {"all": False, "included": [task]},
        "refresh": tenant.refresh_token,
        "api_tokens_enabled": False,
        "max_session_age": 1000,
        "max_time_between_activity": 1000,
        "custom_hotkeys": {"annotation:submit": {"key": "x"}},
        "entity_id": task,
        "transition_name": "task_created",
        "export_type": "JSON",
        "task_filter_options": {"view": tenant["data_manager.View"].pk},
    }
