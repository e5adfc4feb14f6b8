"""Tenants that cannot see each other: organizations of one Label Studio.

Label Studio's open edition assumes that there is only one organization. Here users see and change what belongs to an
organization that they are a member of, while it is their active one; administrators (superusers) see everything. The
checks stand at the points that all of Label Studio's requests pass: a project's permission, objects that a view has
found, objects that a body names (`label_studio.tenancy.check_objects`), and the user's active organization (`settle`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model
from projects.mixins import ProjectMixin as LabelStudioProjectMixin

if TYPE_CHECKING:
    from organizations.models import OrganizationMember

# From a row to its organization it is never more steps than this: link, annotation, task, project.
_FARTHEST = 4


class ProjectMixin(LabelStudioProjectMixin):
    """The setting PROJECT_MIXIN: most of Label Studio asks the project whether somebody may see what is in it."""

    def has_permission(self, user: Any) -> bool:
        user.project = self  # for Label Studio's log of activity
        backend = backend_project(user)
        if backend is not None:
            return bool(backend == self.pk)
        return works_in(user, self.organization_id)


def backend_project(user: Any) -> int | None:
    """The id of the project that `user` serves as its ML backend (`identities.backends`); None for people.

    Admission has looked it up.
    """
    found: int | None = getattr(user, "polardb_backend_project", None)
    return found


def works_in(user: Any, organization_id: int | None) -> bool:
    """Whether the organization is the user's active one and they are a member of it; administrators work in all."""
    from organizations.models import OrganizationMember

    if user.is_superuser:
        return True
    if organization_id is None:
        return _has_no_tenants()
    if organization_id != getattr(user, "active_organization_id", None):
        return False
    members = OrganizationMember.objects.filter(organization=organization_id, deleted_at=None)
    found: bool = members.filter(user=user.pk).exists()
    return found


def may_see(user: Any, row: Any) -> bool:
    """Whether the row is of the user's active organization, or of a kind that has none, as a kind of filter is."""
    from organizations.models import Organization, OrganizationMember
    from users.models import User

    if user.is_superuser or not isinstance(row, Model):
        return True
    active = getattr(user, "active_organization_id", None)
    if active is None:
        return False
    backend = backend_project(user)
    if backend is not None:
        return any(value == backend for value in _ids_of_project(row))
    members = OrganizationMember.objects.all()
    if isinstance(row, User):
        # Former members too: annotations of theirs remain.
        return bool(row.pk == user.pk or members.filter(organization=active, user=row).exists())
    if isinstance(row, Organization):
        return bool(members.filter(organization=row, user=user.pk, deleted_at=None).exists())
    if not organization_paths(row._meta.label):
        return True
    organization_id = organization_of(row)
    return _has_no_tenants() if organization_id is None else organization_id == active


def _has_no_tenants() -> bool:
    """Whether Label Studio is used as it is meant: without deployments.

    Then a project that belongs to no organization, as one made by a script may, is open to everybody as it is there;
    among tenants it is nobody's.
    """
    from polardb_bridge.deployments.tenancy.signup import signup_is_closed

    return not signup_is_closed()


def _ids_of_project(row: Any) -> Iterator[Any]:
    """The ids of the projects that a row says it is of."""
    if row._meta.label == "projects.Project":
        yield row.pk
    yield getattr(row, "project_id", None)
    task = getattr(row, "task", None)
    yield getattr(task, "project_id", None)


def organization_of(row: Model) -> int | None:
    """The id of the organization that the row belongs to, by the shortest way that leads to one."""
    for path in organization_paths(row._meta.label):
        target: Any = row
        for step in path:
            target = getattr(target, step, None)
        if target is not None:
            return int(target)
    return None


@cache
def organization_paths(label: str) -> tuple[tuple[str, ...], ...]:
    """The ways by foreign keys from a row of the model to its organization's id, shortest first; none if common."""
    return tuple(sorted(_paths(apps.get_model(label), _FARTHEST), key=len))


def _paths(model: type[Any], steps: int) -> Iterator[tuple[str, ...]]:
    from organizations.models import Organization
    from users.models import User

    for key in model._meta.fields:
        target = key.related_model
        if target is Organization:
            yield (key.attname,)
        # Not by way of users: who created something does not own it, and may work in several organizations.
        elif target not in (None, User, model) and steps > 1:
            for path in _paths(target, steps - 1):
                yield (key.name, *path)


def settle(user: Any, session_uid: str | None = None) -> OrganizationMember | None:
    """Have the user's active organization be one that they are a member of, and return that membership.

    Label Studio makes a former member's organization active again when they sign in (users/views.py, user_login), and
    puts users without one into the first organization (organizations/middleware.py): that remains while there are no
    deployments. None: the user has no organization.

    session_uid: the session that the user is signed in by; the membership's `session_ended` tells whether it has ended.
    """
    from organizations.models import Organization, OrganizationMember

    from polardb_bridge.deployments.identities.sessions import is_ended
    from polardb_bridge.deployments.tenancy.signup import signup_is_closed

    # All that a request needs to know of its user's tenant, in one query; decrypting the password takes longer.
    members = OrganizationMember.objects.filter(user=user, deleted_at=None)
    members = members.select_related("organization__deployment").defer("organization__deployment__first_password")
    members = members.annotate(session_ended=is_ended(session_uid))
    membership: OrganizationMember | None = None
    if user.active_organization_id is not None:
        membership = members.filter(organization=user.active_organization_id).first()
    if membership is None:
        membership = members.first()
    first = None if membership else Organization.objects.first()
    if first and not OrganizationMember.objects.filter(user=user).exists() and not signup_is_closed():
        first.add_user(user)
        membership = members.first()
    organization = membership.organization if membership else None
    changed = user.active_organization_id != (organization.pk if organization else None)
    user.active_organization = organization
    if changed:
        user.save(update_fields=["active_organization"])
    return membership
