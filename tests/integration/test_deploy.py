"""A deployment is made in one go, or nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.deployments import deploy as deploy_module
from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.drop import drop
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.status import status_of
from polardb_bridge.errors import (
    BridgeError,
    DeploymentExistsError,
    NoSuchDeploymentError,
)
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.webhooks.delivery import deliver_due
from support.deployments import REQUEST, annotate, import_storage_of
from support.race import race
from support.row_counts import row_counts
from support.source_data import TABLE, Source, region


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "mark animal"}, "deployment name"),
        ({"name": "x" * 65}, "deployment name"),
        ({"template_id": "7"}, "no template '7'"),
        ({"source": "missing"}, "missing"),
        ({"title": "ab"}, "3 to 50"),
    ],
)
def test_a_bad_request_leaves_nothing(change: dict[str, Any], message: str, source: Source, user: Any) -> None:
    before = row_counts()
    with pytest.raises(BridgeError, match=message):
        deploy(DeployModel(**{**vars(REQUEST), **change}), source.parameters)
    assert row_counts() == before


def test_a_failure_in_the_middle_leaves_nothing(source: Source, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = row_counts()

    def broken(*args: Any, **options: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(deploy_module, "create_project", broken)
    with pytest.raises(OSError, match="disk full"):
        deploy(REQUEST, source.parameters)
    assert row_counts() == before


def test_a_new_deployment_is_open_to_nobody(source: Source, user: Any) -> None:
    assert deploy(REQUEST, source.parameters).allowed_networks == []


def test_names_and_tables_are_taken_once(deployment: Deployment, source: Source) -> None:
    with pytest.raises(DeploymentExistsError, match="already is a deployment 'MARK_animal'"):
        deploy(DeployModel("Label-Studio", "MARK_animal", "1", TABLE), source.parameters)
    with pytest.raises(DeploymentExistsError, match="already belongs to the deployment 'mark_animal'"):
        deploy(DeployModel("Label-Studio", "second", "1", TABLE), source.parameters)
    assert Deployment.objects.find("Mark_Animal") == deployment
    with pytest.raises(NoSuchDeploymentError, match="no deployment 'other'"):
        Deployment.objects.find("other")


@pytest.mark.parametrize("name", ["a", "-", "x" * 64])
def test_the_shortest_and_longest_names_work(name: str, source: Source, user: Any) -> None:
    deployment = deploy(DeployModel("Label-Studio", name, "1", TABLE), source.parameters)
    assert 3 <= len(deployment.project.title) <= 50


def test_deploying_again_brings_the_annotations_back(deployment: Deployment, source: Source) -> None:
    from tasks.models import Annotation

    annotation = annotate(deployment.project.tasks.order_by("pk").first(), deployment.user)
    drop(deployment)
    row = source.row(1)
    again = deploy(REQUEST, source.parameters)
    run_sync(import_storage_of(again), force=True)
    found = Annotation.objects.get(project=again.project)
    assert (found.result, found.unique_id) == ([region()], annotation.unique_id)
    assert (status_of(again).tasks, status_of(again).annotated) == (3, 1)
    deliver_due()
    assert source.row(1) == row


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("names", [("mark_animal", "Mark_Animal"), ("first", "second")], ids=["name", "table"])
def test_of_two_deploys_at_once_one_is_made(names: tuple[str, ...], source: Source, user: Any) -> None:
    outcomes = race(
        *(lambda name=name: deploy(DeployModel("Label-Studio", name, "1", TABLE), source.parameters) for name in names)
    )
    made = [outcome for outcome in outcomes if isinstance(outcome, Deployment)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, DeploymentExistsError)]
    assert (len(made), len(refused)) == (1, 1), outcomes
    assert Deployment.objects.count() == 1
    assert made[0].organization.users.count() == 1
