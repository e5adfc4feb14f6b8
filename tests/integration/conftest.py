"""Deployments, and who acts on them."""

from __future__ import annotations

from typing import Any

import pytest
from projects.models import Project

from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.storage.sync.run import run_sync
from support.deployments import REQUEST, import_storage_of, open_here
from support.source_data import Source
from support.statements import ADDRESS
from support.things import Labeling


@pytest.fixture
def actor(user: Any) -> Actor:
    """The administrator, from another machine."""
    return Actor(user, ADDRESS, "api")


@pytest.fixture
def deployment(source: Source, user: Any) -> Deployment:
    """A deployment of three rows, synced."""
    source.add_images(3)
    made = deploy(REQUEST, source.parameters)
    open_here(made)
    run_sync(import_storage_of(made), force=True)
    return made


@pytest.fixture
def labeling(source: Source, user: Any, api: Any) -> Labeling:
    project = Project.objects.create(title="Things", created_by=user, organization=user.active_organization)
    where = {part: getattr(source.parameters, part) for part in ("host", "port", "database", "user")}
    return Labeling(api, source, {"project": project.pk, "table": "things", **where}, {})
