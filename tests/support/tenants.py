"""Two tenants in one Label Studio: each with at least one row in every table that can hold something of a tenant's.

Every text of a tenant holds its marker, and the ids of tenant B's rows are numbers that nothing else has: whatever of B
comes through in an answer is seen.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.core.files.base import ContentFile
from django.db import models
from django.test import override_settings
from django.utils import timezone

PASSWORD = "correct-horse-9"
# Tables that hold nothing of a tenant's, and why.
COMMON_MODELS = {
    "admin.LogEntry": "the log of the administration pages, which only administrators see",
    "auth.Group": "groups of Django, which Label Studio does not use",
    "auth.Group_permissions": "groups of Django, which Label Studio does not use",
    "auth.Permission": "kinds of permissions",
    "authtoken.TokenProxy": "authtoken.Token under another name",
    "contenttypes.ContentType": "kinds of objects",
    "core.AsyncMigrationStatus": "the state of migrations",
    "core.DeletedRow": "rows that a migration put aside",
    "django_rq.Queue": "no table",
    "polardb_io_storages.BackendUser": "whom ML backends act as: tests/security/test_identities.py",
    "polardb_io_storages.ConnectionTrial": "counted by the minute: tests/security/test_server_acts.py",
    "polardb_io_storages.EndedSession": "numbers of sessions, which name nobody",
    "polardb_io_storages.LabeledImage": "which images are to be looked at, by numbers; no page tells them",
    "polardb_io_storages.KnownTable": "which table a number in addresses stands for; no page tells it",
    "polardb_io_storages.ServerState": "a server of tables that is down, and when it is tried next",
    "polardb_io_storages.WritebackLease": "a number and a time",
    "projects.ProjectOnboardingSteps": "the steps of a tour",
    "sessions.Session": "sessions are in cookies",
    "users.User_groups": "groups of Django, which Label Studio does not use",
    "users.User_user_permissions": "permissions of Django, which Label Studio does not use",
}
STORAGES = ("s3", "gcs", "azure", "redis", "localfiles", "polardb")


@dataclass
class Tenant:
    """An organization with all that it can have, by the label of the model: `rows["tasks.Task"]`."""

    marker: str
    refresh_token: str = ""
    rows: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, label: str) -> Any:
        return self.rows[label]

    @property
    def organization(self) -> Any:
        return self["organizations.Organization"]

    @property
    def owner(self) -> Any:
        return self["users.User"]

    @property
    def project(self) -> Any:
        return self["projects.Project"]

    @property
    def task(self) -> Any:
        return self["tasks.Task"]

    def make(self, label: str, /, **values: Any) -> Any:
        """A row of the model with the marker in each of its texts."""
        model = apps.get_model(label)
        row = model(**{**self._texts(model), **values})
        if model._meta.label.startswith("io_storages.") and "Link" in label:
            models.Model.save(row)
        else:
            row.save()
        self.rows.setdefault(label, row)
        return row

    def _texts(self, model: Any) -> dict[str, str]:
        texts = {}
        for column in model._meta.concrete_fields:
            if isinstance(column, models.URLField):
                texts[column.name] = f"http://127.0.0.1:9/{self.marker}"
            elif type(column).__name__ in ("CharField", "TextField", "EncryptedCharField") and not column.choices:
                texts[column.name] = f"{self.marker}-{column.name}"[: column.max_length]
        return texts

    def make_user(self, name: str) -> Any:
        from users.models import User

        user = User.objects.create_user(f"{name}@{self.marker}.example", PASSWORD, first_name=f"{self.marker}-first")
        user.last_name = f"{self.marker}-last"
        user.username = f"{self.marker}-{name}"
        user.phone = f"{self.marker}-phone"
        user.custom_hotkeys = {"annotation:submit": {"key": self.marker}}
        user.save()
        return user

    def join(self, user: Any) -> Any:
        self.organization.add_user(user)
        user.active_organization = self.organization
        user.save()
        return user


def make_tenant(marker: str, *, deployed: bool = True) -> Tenant:
    """Organization, owner and one row of everything; a deployment that is open to this machine, or none."""
    # Its webhooks and ML backends are at a closed port of this machine.
    with override_settings(SSRF_PROTECTION_ENABLED=False, USE_DEFAULT_BANNED_SUBNETS=False):
        return _make_tenant(marker, deployed)


def _make_tenant(marker: str, deployed: bool) -> Tenant:
    from jwt_auth.models import LSAPIToken
    from organizations.models import Organization, OrganizationMember
    from rest_framework.authtoken.models import Token
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
    from session_policy.models import SessionTimeoutPolicy

    tenant = Tenant(marker)
    rows, make = tenant.rows, tenant.make
    owner = rows["users.User"] = tenant.make_user("owner")
    organization = Organization.create_organization(
        created_by=owner, title=f"{marker}-organization", contact_info=f"contact@{marker}.example"
    )
    rows["organizations.Organization"] = organization
    owner.active_organization = organization
    owner.avatar.save(f"{marker}.png", ContentFile(f"{marker}-face".encode()))
    rows["organizations.OrganizationMember"] = OrganizationMember.objects.get(user=owner)
    rows["jwt_auth.JWTSettings"] = organization.jwt
    rows["session_policy.SessionTimeoutPolicy"] = SessionTimeoutPolicy.objects.get_or_create(organization=organization)[
        0
    ]
    rows["authtoken.Token"] = Token.objects.get(user=owner)
    # Without its signature, as pages show it: whoever holds a whole one may revoke it.
    tenant.refresh_token = str(LSAPIToken.for_user(owner))
    rows["token_blacklist.OutstandingToken"] = OutstandingToken.objects.get(user=owner)
    spent = LSAPIToken.for_user(owner)
    spent.blacklist()
    rows["token_blacklist.BlacklistedToken"] = BlacklistedToken.objects.get(token__user=owner)

    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f'<Label value="{marker}-cat"/><Label value="{marker}-dog"/></RectangleLabels></View>'
    )
    project = make(
        "projects.Project", organization=organization, created_by=owner, label_config=config, color="#FFFFFF"
    )
    make("projects.ProjectMember", user=owner, project=project)
    make(
        "projects.ProjectOnboarding",
        step=apps.get_model("projects.ProjectOnboardingSteps").objects.create(
            code="DU", title="step", description="", order=1
        ),
        project=project,
    )
    make("projects.LabelStreamHistory", user=owner, project=project, data=[{"taskId": 1, "marker": marker}])
    make("projects.ProjectImport", project=project, task_ids=[1], tasks=[{"data": {"image": marker}}])
    make("projects.ProjectReimport", project=project)
    make("users.UserProductTour", user=owner, name="prompts")
    upload = make("data_import.FileUpload", user=owner, project=project, file=None)
    upload.file.save(f"{marker}.json", ContentFile(f'[{{"image": "{marker}-upload"}}]'.encode()))
    data = {"image": f"/data/{marker}.png", "text": f"{marker}-text"}
    task = make("tasks.Task", project=project, data=data, file_upload=upload, updated_by=owner, meta={"m": marker})
    task.comment_authors.add(owner)
    rows["tasks.Task_comment_authors"] = task.comment_authors.through.objects.get(task=task)
    rows["projects.ProjectSummary"] = project.summary
    region = {
        "id": f"{marker}-region",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "value": {"x": 1, "y": 1, "width": 9, "height": 9, "rotation": 0, "rectanglelabels": [f"{marker}-cat"]},
    }
    backend = make("ml.MLBackend", project=project, url=f"http://127.0.0.1:9/{marker}")
    make("ml.MLBackendPredictionJob", ml_backend=backend)
    make("ml.MLBackendTrainJob", ml_backend=backend)
    connection_ = make(
        "ml_model_providers.ModelProviderConnection", organization=organization, created_by=owner, api_key=marker
    )
    interface = make("ml_models.ModelInterface", organization=organization, created_by=owner)
    interface.associated_projects.add(project)
    rows["ml_models.ModelInterface_associated_projects"] = interface.associated_projects.through.objects.get(
        project=project
    )
    version = make(
        "ml_models.ThirdPartyModelVersion",
        organization=organization,
        created_by=owner,
        parent_model=interface,
        model_provider_connection=connection_,
    )
    run = make(
        "ml_models.ModelRun", organization=organization, created_by=owner, project=project, model_version=version
    )
    prediction = make(
        "tasks.Prediction",
        task=task,
        project=project,
        result=[region],
        model=backend,
        model_run=run,
        model_version=f"{marker}-version",
    )
    failed = make("tasks.FailedPrediction", task=task, project=project, ml_backend_model=backend, model_run=run)
    make("tasks.PredictionMeta", prediction=prediction)
    make("tasks.PredictionMeta", failed_prediction=failed)
    annotation = make(
        "tasks.Annotation",
        task=task,
        project=project,
        completed_by=owner,
        updated_by=owner,
        result=[region],
        parent_prediction=prediction,
        unique_id=uuid.uuid4(),
    )
    make("tasks.AnnotationDraft", task=task, annotation=annotation, user=owner, result=[region])
    make("tasks.AnnotationDraft", task=task, annotation=None, user=owner, result=[region])
    make("tasks.TaskLock", task=task, user=owner, expire_at=timezone.now() + timedelta(days=1))
    for kind, target in (("Task", task), ("Annotation", annotation), ("Project", project)):
        extra = {} if kind == "Project" else {"project_id": project.pk}
        extra |= {"task_id": task.pk} if kind == "Annotation" else {}
        make(
            f"fsm.{kind}State",
            **{kind.lower(): target},
            triggered_by=owner,
            organization_id=organization.pk,
            state="CREATED",
            context_data={"marker": marker},
            **extra,
        )
    filter_ = rows["data_manager.Filter"] = apps.get_model("data_manager.Filter").objects.create(
        column="filter:tasks:data.text", type="String", operator="contains", value=f"{marker}-filter"
    )
    group = rows["data_manager.FilterGroup"] = apps.get_model("data_manager.FilterGroup").objects.create(
        conjunction="and"
    )
    group.filters.add(filter_)
    make("data_manager.View", project=project, user=owner, data={"title": f"{marker}-tab"}, filter_group=group)
    rows["data_manager.FilterGroup_filters"] = group.filters.through.objects.get(filtergroup=group)
    export = make("data_export.Export", project=project, created_by=owner, status="completed")
    export.file.save(f"{marker}.json", ContentFile(f'[{{"image": "{marker}-export"}}]'.encode()))
    make(
        "data_export.ConvertedFormat",
        project=project,
        organization=organization,
        export=export,
        created_by=owner,
        export_type="CSV",
        file=None,
    )
    make("webhooks.Webhook", organization=organization, project=project, headers={"X": marker})
    make("webhooks.WebhookAction", webhook=tenant["webhooks.Webhook"], action="TASKS_CREATED")
    label = make("labels_manager.Label", organization=organization, created_by=owner, value={"a": marker})
    make("labels_manager.LabelLink", project=project, label=label, from_name="label")
    for name in STORAGES:
        _make_storages(tenant, name, task, annotation)
    make("polardb_io_storages.StatementRecord", user=owner, outcome="done")
    if deployed:
        make(
            "polardb_io_storages.Deployment",
            name=marker,
            organization=organization,
            user=owner,
            project=project,
            first_password=f"{marker}-password",
            allowed_networks=["127.0.0.1/32"],
        )
    return tenant


def _make_storages(tenant: Tenant, name: str, task: Any, annotation: Any) -> None:
    prefix = {"s3": "S3", "gcs": "GCS", "azure": "AzureBlob", "redis": "Redis", "localfiles": "LocalFiles"}.get(name)
    app = "io_storages" if prefix else "polardb_io_storages"
    prefix = prefix or "PolarDB"
    where: dict[str, Any] = {"project": tenant.project, "title": f"{tenant.marker}-{name}"}
    addresses: dict[str, dict[str, Any]] = {
        "s3": {"s3_endpoint": "http://127.0.0.1:9/", "region_name": ""},
        "redis": {"host": "127.0.0.1", "port": "9"},
        "polardb": {"host": "127.0.0.1", "port": 9},
    }
    where |= addresses.get(name, {})
    source = tenant.make(f"{app}.{prefix}ImportStorage", **where)
    target = tenant.make(f"{app}.{prefix}ExportStorage", **where)
    if name == "polardb":
        link = tenant.make(f"{app}.PolarDBImportStorageLink", task=task, storage=source, row_id=1, key="1")
        tenant.make(f"{app}.RowMemory", link=link)
        tenant.make(f"{app}.UnreadableImage", link=link, problem=f"{tenant.marker} is damaged")
        tenant.make(f"{app}.Verification", storage=source)
        tenant.make(f"{app}.PendingWriteback", task=task, storage=target)
        tenant.make(f"{app}.WritebackMark", task=task, storage=target)
        tenant.make(f"{app}.RefusedResult", link=link)
        tenant.make(f"{app}.DismissedRow", storage=source, row_id=2)
        tenant.make(f"{app}.SyncPart", storage=source)
        tenant.make(f"{app}.SyncState", storage=source)
        tenant.make(f"{app}.AnnotationSequence", annotation=annotation)
        tenant.make(f"{app}.WritebackState", storage=target)
        tenant.make(f"{app}.WritebackDay", storage=target, day=timezone.now().date())
    else:
        tenant.make(f"{app}.{prefix}ImportStorageLink", task=task, storage=source)
        tenant.make(f"{app}.{prefix}ExportStorageLink", annotation=annotation, storage=target)


def models_of_tenants() -> list[Any]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.label not in COMMON_MODELS]
