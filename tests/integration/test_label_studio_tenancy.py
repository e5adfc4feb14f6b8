"""What the isolation of tenants relies on: these fail if a new Label Studio finds out or checks otherwise who asks."""

from __future__ import annotations

import inspect
from typing import Any

from django.test import Client, RequestFactory
from pytest_django import Settings

from polardb_bridge.label_studio.settings import load_settings
from polardb_bridge.label_studio.tenancy import ORGANIZATION_MIDDLEWARE, delete_organization
from support.sessions import signed_in


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
    position = settings.MIDDLEWARE.index("polardb_bridge.deployments.access.admission.AccessMiddleware")
    assert ORGANIZATION_MIDDLEWARE in load_settings()["MIDDLEWARE"]
    assert ORGANIZATION_MIDDLEWARE not in settings.MIDDLEWARE
    # All that finds out who asks comes before it, and what acts on it after.
    for name in ("auth.middleware.AuthenticationMiddleware", "JWTAuthenticationMiddleware", "ThreadLocalMiddleware"):
        assert [known.endswith(name) for known in settings.MIDDLEWARE].index(True) < position
    for name in ("UpdateLastActivityMiddleware", "InactivitySessionTimeoutMiddleWare"):
        assert [known.endswith(name) for known in settings.MIDDLEWARE].index(True) > position


def test_permissions_of_projects_are_ours() -> None:
    from projects.models import Project

    from polardb_bridge.deployments.tenancy.isolation import ProjectMixin

    assert Project.has_permission is ProjectMixin.has_permission


def test_no_view_checks_objects_by_itself(db: None) -> None:
    """`check_objects` wraps the method that all views inherit, and that they call for what they find."""
    from rest_framework.generics import GenericAPIView
    from rest_framework.views import APIView

    assert APIView.check_object_permissions.__module__ == "polardb_bridge.label_studio.tenancy"
    assert "self.check_object_permissions(self.request, obj)" in inspect.getsource(GenericAPIView.get_object)
    own = [view for view in views() if issubclass(view, APIView)]
    assert len(own) > 100
    assert {view.check_object_permissions for view in own} == {APIView.check_object_permissions}


def test_serializers_read_objects_in_the_one_way_that_is_checked(db: None) -> None:
    from rest_framework.relations import ManyRelatedField, PrimaryKeyRelatedField, RelatedField
    from rest_framework.request import Request
    from rest_framework.serializers import ModelSerializer

    assert PrimaryKeyRelatedField.to_internal_value.__module__ == "polardb_bridge.label_studio.tenancy"
    serializers = {
        view.serializer_class
        for view in views()
        if issubclass(getattr(view, "serializer_class", None) or int, ModelSerializer)
    }
    assert len(serializers) > 30
    request = Request(RequestFactory().get("/"))
    for serializer in serializers:
        for field in serializer(context={"request": request}).fields.values():
            field = field.child_relation if isinstance(field, ManyRelatedField) else field
            if isinstance(field, RelatedField) and not field.read_only:
                assert type(field).to_internal_value is PrimaryKeyRelatedField.to_internal_value, (serializer, field)


def test_drafts_of_a_task_are_still_not_checked_by_label_studio() -> None:
    """If this fails, `check_drafts` may go."""
    from tasks.api import AnnotationDraftListAPI

    assert "has_permission" not in inspect.getsource(AnnotationDraftListAPI)
    assert "for_user" not in inspect.getsource(AnnotationDraftListAPI)
    assert AnnotationDraftListAPI.initial.__module__ == "polardb_bridge.label_studio.tenancy"


def test_invitations_are_guarded_where_label_studio_gives_them() -> None:
    from organizations.api import OrganizationInviteAPI, OrganizationResetTokenAPI
    from users.api import UserAPI

    for method in (UserAPI.create, OrganizationInviteAPI.get, OrganizationResetTokenAPI.post):
        assert method.__globals__["__name__"] == "polardb_bridge.label_studio.tenancy"


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

    assert Request._authenticate.__module__ == "polardb_bridge.label_studio.authentication"
    assert "self._authenticate()" in inspect.getsource(Request.user.fget)
    assert Token.__init__.__module__ == "polardb_bridge.label_studio.authentication"
    assert RefreshToken.__init__ is Token.__init__
    assert 'self.token_class(attrs["refresh"])' in inspect.getsource(serializers)


def test_there_are_no_websockets(settings: Settings) -> None:
    """Nothing to close there: Label Studio's open edition is served by WSGI only."""
    assert not getattr(settings, "ASGI_APPLICATION", None)
    assert not {"channels", "daphne"} & set(settings.INSTALLED_APPS)
