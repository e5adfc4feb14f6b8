"""What a sync writes into is deleted while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync import task_data
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.storage.sync.stopping import stopped
from support.labeling import Provisioned
from support.source_data import Source

pytestmark = pytest.mark.django_db(transaction=True)


def delete_project(api: Any, made: Provisioned) -> None:
    assert api.delete(f"/api/projects/{made.project.pk}/").status_code == 204


def delete_storage(api: Any, made: Provisioned) -> None:
    assert api.delete(f"/api/storages/polardb/{made.import_storage.pk}").status_code == 204


def destroy_organization(api: Any, made: Provisioned) -> None:
    from jwt_auth.models import JWTSettings
    from organizations import functions
    from session_policy.models import SessionTimeoutPolicy

    # Label Studio leaves these behind, and then cannot delete the organization.
    JWTSettings.objects.all().delete()
    SessionTimeoutPolicy.objects.all().delete()
    functions.destroy_organization(made.project.organization)


@pytest.mark.parametrize("delete", [delete_project, delete_storage, destroy_organization])
def test_the_sync_ends_first(
    provisioned: Provisioned, source: Source, api: Any, monkeypatch: pytest.MonkeyPatch, delete: Callable[..., None]
) -> None:
    from projects.models import Project
    from tasks.models import Task

    monkeypatch.setattr(task_data, "MAX_BATCH_ROWS", 3)
    source.add_images(900)
    storage = provisioned.import_storage
    outcome: list[BaseException | None] = []

    def sync() -> None:
        try:
            run_sync(PolarDBImportStorage.objects.get(pk=storage.pk))
            outcome.append(None)
        except BridgeError as error:
            outcome.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=sync)
    thread.start()
    give_up = time.monotonic() + 60
    while not Task.objects.filter(project=storage.project_id).exists() and time.monotonic() < give_up:
        time.sleep(0.01)
    delete(api, provisioned)
    thread.join(60)
    assert len(outcome) == 1
    assert "is being removed" in str(outcome[0])
    assert not PolarDBImportStorage.objects.filter(pk=storage.pk).exists()
    assert not PolarDBImportStorageLink.objects.exists()
    if delete is not delete_storage:
        assert not Project.objects.exists()
        assert not Task.objects.exists()


def test_a_removal_that_was_killed_is_over_after_a_while(
    provisioned: Provisioned, source: Source, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polardb_bridge.storage import removal

    storage = provisioned.import_storage
    source.add_images(2)

    removing = stopped(PolarDBImportStorage.objects.filter(pk=storage.pk))
    removing.__enter__()  # its process is killed before the end
    with pytest.raises(InvalidInputError, match="is being synced"):
        run_sync(storage)
    assert not PolarDBImportStorage.objects.get(pk=storage.pk).info_set_queued()
    monkeypatch.setattr(removal, "REMOVAL_MAX_S", -60)
    assert run_sync(PolarDBImportStorage.objects.get(pk=storage.pk)).created == 2
    assert PolarDBImportStorage.objects.get(pk=storage.pk).synchronizable
    removing.__exit__(None, None, None)


def test_a_drop_is_not_over_by_itself(deployment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from polardb_bridge.deployments.models import Deployment
    from polardb_bridge.storage import removal

    monkeypatch.setattr(removal, "REMOVAL_MAX_S", -60)
    Deployment.objects.update(is_dropping=True)
    PolarDBImportStorage.objects.update(synchronizable=False)
    storage = PolarDBImportStorage.objects.get(project=deployment.project)
    assert not storage.info_set_queued()
    Deployment.objects.update(is_dropping=False)
    assert storage.info_set_queued()
