"""Tenants cannot see or change one another: a walk over everything that Label Studio answers.

Each URL pattern is asked by each of its methods with the ids of another tenant's objects in path, query and body. That
an object exists may be told (403 or 404): nothing of what is in it, and no id that was not sent.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.test import Client, TestCase

from polardb_bridge.deployments.isolation import may_see, organization_of, organization_paths
from support.sessions import signed_in
from support.tenant_rows import Rows, shift_ids
from support.tenants import PASSWORD, Tenant, make_tenant, models_of_tenants
from support.walk import Pattern, body_of, methods_of, patterns, queries_of, values_of

OWN_IDS, THEIR_IDS, LATER_IDS = 6_000_000, 7_000_000, 8_000_000

# Routes that the walk leaves out, and why.
LEFT_OUT = {
    r"docs/api/schema/.*": "the description of the API, made from classes, a second and more at a time: tested below",
}
# What may be seen at a route, and why.
SHOWN = {
    "deployments/%(name)s/": (
        r"theirmarker\.example|the id of projects\.Project(Summary)?",
        "the address of a deployment shows its own login with the user filled in, to clients on its allow-list",
    ),
}
# Routes with parameters at which not even an administrator meets the tenant's object, and why.
UNREACHED: dict[str, str] = {}


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


@pytest.fixture
def world(db: None, settings: Any) -> Iterator[World]:
    import core.urls  # noqa: F401
    from users.models import User

    # So that requests to the tenants' ML backends get as far as the closed port that they are at.
    settings.SSRF_PROTECTION_ENABLED = False
    settings.USE_DEFAULT_BANNED_SUBNETS = False
    shift_ids(OWN_IDS)  # PostgreSQL does not take it back after a test
    first = make_tenant("firstmarker", deployed=False)
    ours = make_tenant("ourmarker")
    shift_ids(THEIR_IDS)
    theirs = make_tenant("theirmarker")
    shift_ids(LATER_IDS)
    administrator = User.objects.create_superuser("admin@example.com", PASSWORD)
    first.join(administrator)
    logging.disable(logging.CRITICAL)
    yield World(first, ours, theirs, administrator, Rows(theirs))
    logging.disable(logging.NOTSET)


def test_the_tenants_have_a_row_in_each_table(world: World) -> None:
    empty = [model._meta.label for model in models_of_tenants() if not world.rows.keys[model]]
    assert not empty, "Add a row of each to tests/support/tenants.py, or the model to COMMON_MODELS with the reason."


def _owner(world: World) -> tuple[Client, Tenant | None]:
    return signed_in(world.ours.owner.email, PASSWORD), world.ours


def _member(world: World) -> tuple[Client, Tenant | None]:
    # An owner may do what a member may not, never the other way round: the mixed requests are made as the owner.
    return signed_in(world.ours.join(world.ours.make_user("member")).email, PASSWORD), None


def _ordinary(world: World) -> tuple[Client, Tenant | None]:
    return signed_in(world.first.join(world.first.make_user("ordinary")).email, PASSWORD), world.first


def _former(world: World) -> tuple[Client, Tenant | None]:
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


def _nobody(world: World) -> tuple[Client, Tenant | None]:
    user = world.ours.make_user("nobody")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["last_login"] = 1e12
    session.save()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = session.session_key
    return client, None


def _anonymous(world: World) -> tuple[Client, Tenant | None]:
    return Client(), None


Visitor = Callable[[World], tuple[Client, Tenant | None]]
VISITORS = {
    "the owner of another tenant": _owner,
    "a member of another tenant": _member,
    "a user of organization 1": _ordinary,
    "a former member": _former,
    "a user without organization": _nobody,
    "nobody signed in": _anonymous,
}


@dataclass(frozen=True)
class Attempt:
    """One request. sent: everything in it that may come back without telling anything."""

    pattern: Pattern
    method: str
    path: str
    query: dict[str, Any]
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def sent(self) -> str:
        return f"{self.path} {json.dumps(self.query)} {json.dumps(self.body)}"


def attempts(world: World, own: Tenant | None) -> Iterator[Attempt]:
    """Each pattern by each method: with their ids everywhere, with the visitor's own path and project, and mixed."""
    theirs = world.theirs
    for pattern in patterns():
        if any(re.fullmatch(left_out, pattern.route) for left_out in LEFT_OUT):
            continue
        # Django's administration pages turn away whoever is no administrator before they look for an object.
        own_too = own if not pattern.route.startswith(("admin/", "django-rq/")) else None
        foreign = values_of(pattern, theirs)
        mine = values_of(pattern, own_too) if own_too else foreign
        head = pattern.parameters[0] if pattern.parameters else None
        for method in methods_of(pattern):
            for query in queries_of(pattern, method, theirs):
                yield Attempt(pattern, method, pattern.path(foreign), query, body_of(pattern, theirs))
            # HEAD is GET's code and OPTIONS nearly none: once is enough.
            if own_too is None or method in ("HEAD", "OPTIONS"):
                continue
            paths = [mine]
            if head and len(pattern.parameters) > 1:
                paths += [{**foreign, head: mine[head]}, {**mine, head: foreign[head]}]
            for values in paths:
                for query in queries_of(pattern, method, theirs):
                    project = dict.fromkeys(("project", "projectId", "project_id"), own_too.project.pk)
                    body = {**body_of(pattern, theirs), **project}
                    yield Attempt(pattern, method, pattern.path(values), {**query, **project}, body)
            if method == "GET":
                yield Attempt(pattern, method, pattern.path(mine), {}, {})


@dataclass(frozen=True)
class Outcome:
    status: int
    seen: tuple[str, ...]
    changed: tuple[str, ...]


class Prober:
    """Makes attempts, each in a transaction that is undone, and tells what of the other tenant came of it."""

    def __init__(self, world: World, client: Client) -> None:
        self.world = world
        self.client = client
        self.client.raise_request_exception = False
        self.cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        self.before = world.rows.state()
        self.ids = world.rows.ids()

    def probe(self, attempt: Attempt) -> Outcome:
        written: set[str] = set()

        def watch(execute: Any, sql: str, *arguments: Any) -> Any:
            if change := re.match(r'(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) "(\w+)"', sql):
                written.add(change[1])
            return execute(sql, *arguments)

        self.client.cookies = SimpleCookie(self.cookies)
        with transaction.atomic(), connection.execute_wrapper(watch):
            with TestCase.captureOnCommitCallbacks(execute=True):
                answer = self.client.generic(
                    attempt.method,
                    attempt.path,
                    json.dumps(attempt.body),
                    content_type="application/json",
                    query_params=attempt.query,
                )
                content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            after = self.world.rows.state(written)
            changed = tuple(table for table, state in after.items() if state != self.before[table])
            transaction.set_rollback(True)
        return Outcome(answer.status_code, tuple(self._seen(attempt, answer, content)), changed)

    def _seen(self, attempt: Attempt, answer: Any, content: bytes) -> Iterator[str]:
        text = unquote(f"{dict(answer.items())} {content.decode(errors='replace')}")
        sent = unquote(attempt.sent)
        for found in re.finditer(rf"{self.world.theirs.marker}[\w.@/-]*", text):
            if found[0] not in sent:
                yield found[0]
        for found in re.finditer(r"(?<![\d.])7\d{6}(?!\d)", text):
            if int(found[0]) in self.ids and found[0] not in sent:
                yield f"the id of {self.ids[int(found[0])]}"


@pytest.mark.parametrize("visitor", VISITORS.values(), ids=VISITORS.keys())
def test_nothing_of_a_tenant_is_read_or_changed_by(visitor: Callable[..., Any], world: World) -> None:
    client, own = visitor(world)
    prober, files = Prober(world, client), world.files()
    leaks = []
    for attempt in attempts(world, own):
        outcome = prober.probe(attempt)
        shown, _ = SHOWN.get(attempt.pattern.route, ("(?!)", ""))
        seen = [text for text in outcome.seen if not re.fullmatch(shown, text)]
        if seen or outcome.changed:
            leaks.append(f"{attempt} ({outcome.status}): saw {seen[:3]}, changed {outcome.changed}")
    assert not leaks, "\n".join(leaks)
    assert world.files() == files


def test_the_same_requests_reach_the_objects(world: World) -> None:
    """An administrator's do, who works in the other tenant: or the walk would prove nothing."""
    client = signed_in(world.administrator.email, PASSWORD)
    world.administrator.active_organization = world.theirs.organization
    world.administrator.save()
    prober = Prober(world, client)
    reached, tried = set(), set()
    for attempt in attempts(world, None):
        if attempt.query and attempt.pattern.parameters:
            outcome = prober.probe(attempt)
            tried.add(attempt.pattern.route)
            if outcome.seen or outcome.changed or outcome.status < 400:
                reached.add(attempt.pattern.route)
    assert {route for route in tried - reached if not any(re.fullmatch(known, route) for known in UNREACHED)} == set()


def test_the_description_of_the_api_tells_nothing_of_a_tenant(world: World) -> None:
    client, _ = _owner(world)
    answer = client.get("/docs/api/schema/json/")
    assert answer.status_code == 200
    assert world.theirs.marker not in answer.content.decode()


def test_objects_of_one_tenant_belong_to_its_organization(world: World) -> None:
    """What `may_see` goes by leads to the organization from every model but those that belong to a user."""
    of_users = {
        "authtoken.Token",
        "token_blacklist.OutstandingToken",
        "token_blacklist.BlacklistedToken",
        "users.UserProductTour",
        "polardb_io_storages.StatementRecord",
    }
    shared_parts = {"data_manager.Filter", "data_manager.FilterGroup", "data_manager.FilterGroup_filters"}
    organization = world.theirs.organization
    for label, row in world.theirs.rows.items():
        if label in ("users.User", "organizations.Organization") or label in of_users or not organization_paths(label):
            assert label in {"users.User", "organizations.Organization", *of_users, *shared_parts}, label
        else:
            assert organization_of(row) == organization.pk, label
        if label not in of_users | shared_parts:
            assert not may_see(world.ours.owner, row), label
            assert may_see(world.theirs.owner, row), label
        assert may_see(world.administrator, row), label
