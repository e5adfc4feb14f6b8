"""What polardb_bridge/label_studio.py relies on: these fail where a new Label Studio behaves otherwise."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from polardb_bridge.label_studio import ORGANIZATION_MIDDLEWARE, delete_organization, load_settings, package_folder
from polardb_bridge.storage.sync import run_sync
from polardb_bridge.webhooks.capture import AnnotationMixin
from support.labeling import LabelingProject, Provisioned
from support.sessions import signed_in
from support.source_data import Source, base64_text, image_bytes, region


def test_this_is_the_release_that_was_measured() -> None:
    assert version("label-studio").startswith("1.23.")


def test_label_studios_settings_still_cannot_be_imported_plainly(tmp_path: Path) -> None:
    """If this fails, `load_settings` can become one import."""
    module = "import sys\nsys.path.insert(0, {!r})\nfrom core.settings.label_studio import *\n"
    (tmp_path / "plain_settings.py").write_text(module.format(str(package_folder())))
    code = "import plain_settings, django; from django.conf import settings; print(settings.SENTRY_DSN)"
    environment = {"PATH": "", "DJANGO_SETTINGS_MODULE": "plain_settings", "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "AttributeError" in done.stderr


def test_nothing_reports_to_third_parties(settings: Settings) -> None:
    assert not settings.SENTRY_DSN
    assert not settings.FRONTEND_SENTRY_DSN
    assert settings.COLLECT_ANALYTICS is False
    assert settings.LATEST_VERSION_CHECK is False


def test_a_page_loads_nothing_from_another_host(api: Any, user: Any) -> None:
    from html.parser import HTMLParser

    class Addresses(HTMLParser):
        found: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in ("script", "link", "img", "iframe"):
                self.found += [value for name, value in attrs if name in ("src", "href") and value]

    page = api.get("/projects/")
    assert page.status_code == 200
    parser = Addresses()
    parser.feed(page.content.decode())
    assert parser.found
    assert {urlsplit(address).netloc for address in parser.found} == {""}


def test_settings_are_whole() -> None:
    loaded = load_settings()
    assert {"DATABASES", "SECRET_KEY", "INSTALLED_APPS", "VERSION_EDITION", "GET_STORAGE_LIST"} <= loaded.keys()


def test_the_version_page_shows_no_secret_of_ours(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARDB_URL", "mysql://user:hunter2@127.0.0.1/db")
    page = api.get("/version/").content.decode()
    assert "SECRET_KEY" in page, "superusers see all settings here"
    assert "hunter2" not in page


def test_new_tasks_get_the_state_that_label_studio_gives_its_own(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`create_task_states` writes in one statement what `Task.save` writes task by task."""
    monkeypatch.setenv("fflag_feat_fit_568_finite_state_management", "1")
    from core.current_request import CurrentContext
    from fsm.state_models import TaskState
    from tasks.models import Task

    source.add(("a.png", base64_text(image_bytes())))
    CurrentContext.clear()
    run_sync(provisioned.import_storage)
    CurrentContext.set_user(provisioned.project.created_by)
    own = Task.objects.create(data={"image": "x"}, project=provisioned.project)

    def state_of(task: Any) -> dict[str, Any]:
        [state] = TaskState.objects.filter(task=task)
        return {
            name: getattr(state, name)
            for name in (
                "state",
                "previous_state",
                "transition_name",
                "triggered_by_id",
                "organization_id",
                "project_id",
            )
        }

    [synced] = Task.objects.filter(project=provisioned.project).exclude(pk=own.pk)
    assert state_of(synced) == state_of(own)


@pytest.mark.parametrize("mode", ["journal_mode", "transactions"])
def test_sqlite_readers_do_not_block_writers(db: None, mode: str) -> None:
    if connection.vendor != "sqlite":
        assert connection.vendor == "postgresql"
        return
    if mode == "journal_mode":
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    else:
        assert connection.transaction_mode == "IMMEDIATE"


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
    assert inside == ['INSERT INTO "task_completion"', 'INSERT INTO "polardb_io_storages_pendingwriteback"']


@pytest.mark.parametrize("method", ["update", "bulk_create", "delete"])
def test_bulk_changes_go_through_the_queryset_that_is_wrapped(method: str) -> None:
    from tasks.models import Annotation, AnnotationQuerySet, Task

    assert getattr(AnnotationQuerySet, method).__module__ == "polardb_bridge.label_studio"
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
    assert remove_duplicates.restore_storage_links_for_duplicated_tasks.__module__ == "polardb_bridge.label_studio"


def test_label_studio_still_switches_signals_off_for_the_whole_process() -> None:
    from core.utils.common import temporary_disconnect_all_signals
    from django.db.models.signals import post_save

    before = post_save.receivers
    with temporary_disconnect_all_signals():
        assert not post_save.receivers
    assert post_save.receivers is before


def test_a_redis_that_does_not_answer_is_not_asked_again_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio looks the check up by its name in its own module: `redis_connected` goes through ours."""
    from core import redis

    settings.REDIS_ENABLED = True
    assert redis.redis_healthcheck.__module__ == "polardb_bridge.label_studio"

    class Dead:
        asked = 0

        def ping(self) -> None:
            self.asked += 1
            raise redis.redis.exceptions.TimeoutError

    dead = Dead()
    monkeypatch.setattr(redis, "_redis", dead)
    now = 1e9
    monkeypatch.setattr("polardb_bridge.label_studio.time.monotonic", lambda: now)
    assert [redis.redis_connected() for _ in range(5)] == [False] * 5
    assert dead.asked == 1
    now += 11
    assert not redis.redis_connected()
    assert dead.asked == 2


def test_an_organization_leaves_settings_behind_that_ours_deletes(user: Any) -> None:
    """Where Label Studio deletes them itself one day, `delete_organization` can go."""
    from django.db.models import DO_NOTHING
    from jwt_auth.models import JWTSettings
    from organizations.models import Organization
    from session_policy.models import SessionTimeoutPolicy
    from users.models import User

    left_behind = {r.related_model for r in Organization._meta.related_objects if r.on_delete is DO_NOTHING}
    assert left_behind == {JWTSettings, SessionTimeoutPolicy}
    owner = User.objects.create_user("owner@example.com", "correct-horse-9")
    organization = Organization.create_organization(created_by=owner, title="gone")
    assert organization.jwt
    assert organization.session_timeout_policy
    delete_organization(organization)
    assert not JWTSettings.objects.filter(organization_id=organization.pk).exists()
    assert User.objects.filter(pk=owner.pk).exists()


def views() -> set[Any]:
    """Every view class that Label Studio answers with."""
    from support.walk import patterns

    found = {getattr(p.view, "view_class", None) or getattr(p.view, "cls", None) for p in patterns()}
    return found - {None}


def test_label_studios_middleware_for_organizations_is_replaced(settings: Settings) -> None:
    position = settings.MIDDLEWARE.index("polardb_bridge.deployments.access.AccessMiddleware")
    assert ORGANIZATION_MIDDLEWARE in load_settings()["MIDDLEWARE"]
    assert ORGANIZATION_MIDDLEWARE not in settings.MIDDLEWARE
    # All that finds out who asks comes before it, and what acts on it after.
    for name in ("auth.middleware.AuthenticationMiddleware", "JWTAuthenticationMiddleware", "ThreadLocalMiddleware"):
        assert [known.endswith(name) for known in settings.MIDDLEWARE].index(True) < position
    for name in ("UpdateLastActivityMiddleware", "InactivitySessionTimeoutMiddleWare"):
        assert [known.endswith(name) for known in settings.MIDDLEWARE].index(True) > position


def test_permissions_of_projects_are_ours() -> None:
    from projects.models import Project

    from polardb_bridge.deployments.isolation import ProjectMixin

    assert Project.has_permission is ProjectMixin.has_permission


def test_no_view_checks_objects_by_itself(db: None) -> None:
    """`check_objects` wraps the method that all views inherit, and that they call for what they find."""
    from rest_framework.generics import GenericAPIView
    from rest_framework.views import APIView

    assert APIView.check_object_permissions.__module__ == "polardb_bridge.label_studio"
    assert "self.check_object_permissions(self.request, obj)" in inspect.getsource(GenericAPIView.get_object)
    own = [view for view in views() if issubclass(view, APIView)]
    assert len(own) > 100
    assert {view.check_object_permissions for view in own} == {APIView.check_object_permissions}


def test_serializers_read_objects_in_the_one_way_that_is_checked(db: None) -> None:
    from rest_framework.relations import ManyRelatedField, PrimaryKeyRelatedField, RelatedField
    from rest_framework.serializers import ModelSerializer

    assert PrimaryKeyRelatedField.to_internal_value.__module__ == "polardb_bridge.label_studio"
    serializers = {
        view.serializer_class
        for view in views()
        if issubclass(getattr(view, "serializer_class", None) or int, ModelSerializer)
    }
    assert len(serializers) > 30
    for serializer in serializers:
        for field in serializer().fields.values():
            field = field.child_relation if isinstance(field, ManyRelatedField) else field
            if isinstance(field, RelatedField) and not field.read_only:
                assert type(field).to_internal_value is PrimaryKeyRelatedField.to_internal_value, (serializer, field)


def test_drafts_of_a_task_are_still_not_checked_by_label_studio() -> None:
    """If this fails, `check_drafts` may go."""
    from tasks.api import AnnotationDraftListAPI

    assert "has_permission" not in inspect.getsource(AnnotationDraftListAPI)
    assert "for_user" not in inspect.getsource(AnnotationDraftListAPI)
    assert AnnotationDraftListAPI.initial.__module__ == "polardb_bridge.label_studio"


def test_invitations_are_guarded_where_label_studio_gives_them() -> None:
    from organizations.api import OrganizationInviteAPI, OrganizationResetTokenAPI
    from users.api import UserAPI

    for method in (UserAPI.create, OrganizationInviteAPI.get, OrganizationResetTokenAPI.post):
        assert method.__module__ == "polardb_bridge.label_studio"


def test_a_user_of_two_organizations_is_shown_without_the_other(user: Any, client: Client) -> None:
    from organizations.models import Organization
    from users.models import User

    other = User.objects.create_user("other@example.com", "correct-horse-9")
    secret = Organization.create_organization(created_by=other, title="a secret title")
    reader = User.objects.create_user("reader@example.com", "correct-horse-9")
    for person in (reader, other):
        user.active_organization.add_user(person)
    reader.active_organization, other.active_organization = user.active_organization, secret
    reader.save()
    other.save()
    shown = signed_in(reader.email, "correct-horse-9").get("/api/users/")
    assert {row["email"] for row in shown.json()} == {user.email, reader.email, other.email}
    assert "a secret title" not in shown.content.decode()
    [row] = [row for row in shown.json() if row["email"] == other.email]
    assert (row["active_organization"], row["active_organization_meta"]) == (None, {"title": "", "email": ""})
    administrators = signed_in(user.email, "correct-horse-9").get("/api/users/")
    assert "a secret title" in administrators.content.decode()


def test_identities_are_found_out_in_the_two_places_that_are_watched() -> None:
    from rest_framework.request import Request
    from rest_framework_simplejwt import serializers
    from rest_framework_simplejwt.tokens import RefreshToken, Token

    assert Request._authenticate.__module__ == "polardb_bridge.label_studio"
    assert "self._authenticate()" in inspect.getsource(Request.user.fget)
    assert Token.__init__.__module__ == "polardb_bridge.label_studio"
    assert RefreshToken.__init__ is Token.__init__
    assert 'self.token_class(attrs["refresh"])' in inspect.getsource(serializers)


def test_there_are_no_websockets(settings: Settings) -> None:
    """Nothing to close there: Label Studio's own edition is served by WSGI only."""
    assert not getattr(settings, "ASGI_APPLICATION", None)
    assert not {"channels", "daphne"} & set(settings.INSTALLED_APPS)
