"""A deployment that is open to one address, somebody of no deployment, and every way in."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.deployments.models import Deployment
from support.ways_in import EMAIL, INSIDE, PASSWORD, WaysIn, ways_into


@pytest.fixture
def deployment(user: Any) -> Deployment:
    from organizations.models import Organization
    from projects.models import Project
    from users.models import User

    person = User.objects.create_user(EMAIL, PASSWORD)
    organization = Organization.create_organization(created_by=person, title="mark_animal")
    organization.jwt.legacy_api_tokens_enabled = True
    organization.jwt.save()
    person.active_organization = organization
    person.save()
    project = Project.objects.create(title="mark_animal", organization=organization, created_by=person)
    made: Deployment = Deployment.objects.create(
        name="mark_animal",
        organization=organization,
        user=person,
        project=project,
        template_id="1",
        source="animals",
        table_address="host:3306/database.animals",
        allowed_networks=[f"{INSIDE}/32"],
    )
    return made


@pytest.fixture
def ordinary(user: Any) -> Any:
    """Somebody of no deployment."""
    from users.models import User

    person = User.objects.create_user("ordinary@example.com", PASSWORD)
    user.active_organization.add_user(person)
    person.active_organization = user.active_organization
    person.save()
    return person


@pytest.fixture
def ways_in(deployment: Deployment) -> WaysIn:
    """A request at an address by each way to show who one is."""
    return ways_into(deployment)
