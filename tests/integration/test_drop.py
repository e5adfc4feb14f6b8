"""A deployment is dropped without losing a result."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.deployments import drop as drop_module
from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.drop import drop
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.status import DeploymentState, status_of
from polardb_bridge.errors import (
    InvalidInputError,
    NoSuchDeploymentError,
    RetryableError,
)
from polardb_bridge.storage.sync.run import run_sync
from support.deployments import REQUEST, annotate, import_storage_of
from support.race import race
from support.row_counts import row_counts
from support.source_data import TABLE, Source, region
from support.writeback import dirty_tasks


def test_dropping_writes_what_is_pending_and_leaves_rows_and_nothing_else(source: Source, user: Any) -> None:
    source.add_images(3)
    before = row_counts()
    deployment = deploy(REQUEST, source.parameters)
    run_sync(import_storage_of(deployment), force=True)
    task = deployment.project.tasks.order_by("pk").first()
    annotate(task, deployment.user)
    assert len(dirty_tasks()) == 1
    assert drop(deployment) == 0
    assert source.row(1)["annotation_data"] == [region()]
    assert row_counts() == before


def test_a_drop_that_cannot_write_refuses_and_removes_nothing(deployment: Deployment, source: Source) -> None:
    annotate(deployment.project.tasks.first(), deployment.user)
    source.execute(f"RENAME TABLE {TABLE} TO elsewhere")
    with pytest.raises(RetryableError, match=r"1 results of 'mark_animal' are not in their rows yet: .*force='true'"):
        drop(deployment)
    deployment.refresh_from_db()
    assert not deployment.is_dropping
    assert import_storage_of(deployment).synchronizable
    assert deployment.project.tasks.count() == 3
    source.execute(f"RENAME TABLE elsewhere TO {TABLE}")
    assert drop(deployment) == 0
    assert source.row(1)["annotation_data"] == [region()]


def test_a_forced_drop_says_what_it_lost(deployment: Deployment, source: Source) -> None:
    annotate(deployment.project.tasks.first(), deployment.user)
    source.execute(f"RENAME TABLE {TABLE} TO elsewhere")
    assert drop(deployment, force=True) == 1
    assert not Deployment.objects.exists()


def test_an_interrupted_drop_is_completed_by_the_next(
    deployment: Deployment, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = row_counts()

    def killed(deployment: Deployment) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(drop_module, "_remove", killed)
        with pytest.raises(KeyboardInterrupt):
            drop(deployment)
    deployment.refresh_from_db()
    assert status_of(deployment).state is DeploymentState.DROPPING
    drop(deployment)
    assert not Deployment.objects.exists()
    assert row_counts()["htx_user"] == before["htx_user"] - 1


def test_a_sync_under_way_ends_with_the_drop(deployment: Deployment, source: Source) -> None:
    storage = import_storage_of(deployment)
    source.add_images(1)
    drop_module._close(deployment, closed=True)
    with pytest.raises(InvalidInputError):
        run_sync(storage, force=True)
    assert deployment.project.tasks.count() == 3


def test_what_was_deleted_by_hand_does_not_stop_a_drop(deployment: Deployment) -> None:
    deployment.project.delete()
    deployment.user.delete()
    drop(Deployment.objects.find("mark_animal"))
    assert not Deployment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_drops_at_once_both_end(source: Source, user: Any) -> None:
    source.add_images(3)
    deployment = deploy(REQUEST, source.parameters)
    run_sync(import_storage_of(deployment))
    annotate(deployment.project.tasks.first(), deployment.user)
    outcomes = race(
        lambda: drop(Deployment.objects.find("mark_animal")), lambda: drop(Deployment.objects.find("mark_animal"))
    )
    assert 0 in outcomes
    assert all(outcome == 0 or isinstance(outcome, NoSuchDeploymentError) for outcome in outcomes), outcomes
    assert not Deployment.objects.exists()
    assert source.row(1)["annotation_data"] == [region()]
