"""Organizations as tenants: the checks that Label Studio lacks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

# Puts whoever is signed in without an organization into the first one.
ORGANIZATION_MIDDLEWARE = "organizations.middleware.DummyGetSessionMiddleware"


def check_objects(may_see: Callable[[Any, Any], bool]) -> None:
    """Ask `may_see(user, object)` about each object that a view finds, and each that a body names.

    Some of Label Studio's views check only who is signed in (data_import/api.py, FileUploadAPI), and its serializers
    take any object of any organization: a storage could be moved into a foreign project (io_storages/api.py), a
    prediction added to a foreign task (tasks/api.py), a user moved into another organization (users/api.py).
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
    """Call `check(user)` before somebody lets people in: it raises if they may not.

    Any member may create users (users/api.py, UserAPI) and read and renew the invitation link (organizations/api.py).
    """
    from organizations.api import OrganizationInviteAPI, OrganizationResetTokenAPI
    from users.api import UserAPI

    _guard(UserAPI, "create", check)
    _guard(OrganizationInviteAPI, "get", check)
    _guard(OrganizationResetTokenAPI, "post", check)


def check_login_settings(check: Callable[[Any], None]) -> None:
    """Call `check(user)` before somebody changes which tokens their organization takes, or how long sessions last.

    It raises if they may not. Any member may (jwt_auth/views.py, JWTSettingsAPI; session_policy/api.py), and whoever
    works in the organization has these sessions: a long enough one answers each page with 500.
    """
    from jwt_auth.views import JWTSettingsAPI
    from session_policy.api import SessionTimeoutPolicyView

    _guard(JWTSettingsAPI, "post", check)
    _guard(SessionTimeoutPolicyView, "patch", check)


def keep_users_to_themselves() -> None:
    """Let users change themselves alone, and administrators all: any member may change any (users/api.py, UserAPI)."""
    from rest_framework.exceptions import PermissionDenied
    from users.api import UserAPI

    original = UserAPI.partial_update

    @wraps(original)
    def guarded(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_superuser and str(kwargs.get("pk")) != str(request.user.pk):
            raise PermissionDenied("Only administrators may change other users.")
        return original(self, request, *args, **kwargs)

    UserAPI.partial_update = guarded


def _guard(view: Any, name: str, check: Callable[[Any], None]) -> None:
    """Call `check(user)` before the method of the view."""
    original = getattr(view, name)

    @wraps(original)  # its description for the API's schema hangs on it
    def guarded(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        check(request.user)
        return original(self, request, *args, **kwargs)

    setattr(view, name, guarded)


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


def delete_organization(organization: Any) -> None:
    """Delete an organization with its settings; call it in a transaction, after its projects have been deleted.

    `Organization.delete` leaves the settings of its tokens and sessions behind (jwt_auth/models.py and
    session_policy/models.py, DO_NOTHING), which PostgreSQL and SQLite refuse.
    """
    from django.db.models import DO_NOTHING

    for relation in organization._meta.related_objects:
        if relation.on_delete is DO_NOTHING:
            relation.related_model.objects.filter(**{relation.field.name: organization}).delete()
    organization.delete()
