"""Three tenants in one Label Studio, and all who may come to one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.test import Client

from support.sessions import signed_in
from support.tenant_rows import Rows
from support.tenants import PASSWORD, Tenant

OWN_IDS, THEIR_IDS, LATER_IDS = 6_000_000, 7_000_000, 8_000_000


@dataclass
class World:
    """ours: the tenant of those who try. theirs: the one that nothing may come from. first: organization 1."""

    first: Tenant
    ours: Tenant
    theirs: Tenant
    administrator: Any
    rows: Rows

    def files(self) -> dict[str, bytes]:
        names = [
            self.theirs["data_import.FileUpload"].file.name,
            self.theirs["data_export.Export"].file.name,
            self.theirs.owner.avatar.name,
        ]
        root = Path(django_settings.MEDIA_ROOT)
        return {name: (root / name).read_bytes() for name in names if (root / name).exists()}


def as_owner(world: World) -> tuple[Client, Tenant | None]:
    return signed_in(world.ours.owner.email, PASSWORD), world.ours


def as_member(world: World) -> tuple[Client, Tenant | None]:
    # An owner may do what a member may not, never the other way round: the mixed requests are made as the owner.
    return signed_in(world.ours.join(world.ours.make_user("member")).email, PASSWORD), None


def as_ordinary(world: World) -> tuple[Client, Tenant | None]:
    return signed_in(world.first.join(world.first.make_user("ordinary")).email, PASSWORD), world.first


def as_former(world: World) -> tuple[Client, Tenant | None]:
    from organizations.models import OrganizationMember

    user = world.ours.make_user("former")
    world.theirs.organization.add_user(user)
    OrganizationMember.objects.get(user=user).soft_delete()
    # Label Studio's login makes the former organization the active one.
    client = signed_in(user.email, PASSWORD)
    user.refresh_from_db()
    assert user.active_organization == world.theirs.organization
    assert client.get("/api/projects/").status_code == 403
    user.refresh_from_db()
    assert user.active_organization is None
    return client, None


def as_nobody(world: World) -> tuple[Client, Tenant | None]:
    user = world.ours.make_user("nobody")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["last_login"] = 1e12
    session.save()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = session.session_key
    return client, None


def as_anonymous(world: World) -> tuple[Client, Tenant | None]:
    return Client(), None


Visitor = Callable[[World], tuple[Client, Tenant | None]]
VISITORS = {
    "the owner of another tenant": as_owner,
    "a member of another tenant": as_member,
    "a user of organization 1": as_ordinary,
    "a former member": as_former,
    "a user without organization": as_nobody,
    "nobody signed in": as_anonymous,
}
