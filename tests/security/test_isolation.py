"""Tenants cannot see or change one another: a walk over everything that Label Studio answers.

Each URL pattern is asked by each of its methods with the ids of another tenant's objects in path, query and body. That
an object exists may be told (403 or 404): nothing of what is in it, and no id that was not sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from polardb_bridge.deployments.tenancy.isolation import may_see, organization_of, organization_paths
from support.prober import Prober, attempts
from support.sessions import signed_in
from support.tenant_rows import Rows, shift_ids
from support.tenants import PASSWORD, make_tenant, models_of_tenants
from support.world import LATER_IDS, OWN_IDS, THEIR_IDS, VISITORS, World, as_owner

# A warning that ended a request as an error would hide what the request answers.
pytestmark = pytest.mark.filterwarnings("ignore")

# What may be seen at a route, and why.
_LOGIN = (
    r"theirmarker(\.example|/)|the id of projects\.Project(Summary)?",
    "the address of a deployment shows its own login with the user filled in, to clients on its allow-list",
)
SHOWN = {"deployments/%(name)s/": _LOGIN, "deployments/%(name)s": _LOGIN}
# Routes with parameters at which not even an administrator meets the tenant's object, and why.
UNREACHED: dict[str, str] = {}


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
    assert world.rows.state() == prober.before, "The walk ends with the database that it began with, and reaches it."


def test_the_same_requests_reach_the_objects(world: World) -> None:
    """An administrator's do, who works in the other tenant: or the walk would prove nothing."""
    client = signed_in(world.administrator.email, PASSWORD)
    world.administrator.active_organization = world.theirs.organization
    world.administrator.save()
    prober = Prober(world, client)
    reached, tried = set(), set()
    for attempt in attempts(world, None):
        if attempt.query and attempt.pattern.parameters and attempt.pattern.route not in reached:
            outcome = prober.probe(attempt)
            tried.add(attempt.pattern.route)
            if outcome.seen or outcome.changed or outcome.status < 400:
                reached.add(attempt.pattern.route)
    assert {route for route in tried - reached if not any(re.fullmatch(known, route) for known in UNREACHED)} == set()


def test_the_description_of_the_api_tells_nothing_of_a_tenant(world: World) -> None:
    client, _ = as_owner(world)
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


@pytest.mark.django_db
def test_a_project_of_no_organization_is_open_until_there_is_a_deployment() -> None:
    """A script may make such a project; Label Studio alone lets everybody label it."""
    from organizations.models import Organization
    from projects.models import Project
    from tasks.models import Task
    from users.models import User

    user = User.objects.create_user(email="ordinary@example.com", password=PASSWORD)
    Organization.create_organization(created_by=user, title="Label Studio")
    task = Task.objects.create(project=Project.objects.create(title="Nobody's"), data={"text": "x"})
    browser = signed_in(user.email, PASSWORD)
    path = f"/api/tasks/{task.pk}/annotations/"
    annotation: dict[str, Any] = {"result": []}
    assert browser.post(path, annotation, format="json").status_code == 201
    make_tenant("theirs")
    assert browser.post(path, annotation, format="json").status_code == 403
