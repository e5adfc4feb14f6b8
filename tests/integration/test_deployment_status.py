"""What is said of a deployment: in one row, with its first password and its progress."""

from __future__ import annotations

from django.db import connection
from pytest_django import DjangoAssertNumQueries

from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.execution.answers import state_in_words
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.status import DeploymentState, all_statuses, status_of
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.webhooks.delivery import deliver, retry_now
from support.deployments import annotate, export_storage_of, first_password_of, import_storage_of
from support.source_data import TABLE, Source


def test_a_deployment_is_described_in_one_row(deployment: Deployment) -> None:
    row = status_of(deployment)
    assert (row.name, row.state, row.source) == ("mark_animal", DeploymentState.SERVING, TABLE)
    assert row.url == "http://localhost:8080/deployments/mark_animal/"
    assert row.username == "mark_animal@deployments.local"
    assert row.white_ip_name == "model_mark_animal"
    assert row.template_id == "1"
    assert (row.tasks, row.annotated, row.pending_writebacks) == (3, 0, 0)
    assert len(row.password or "") == 20
    assert deployment.user.check_password(row.password)


def test_the_first_password_is_stored_encrypted_and_forgotten_once_changed(deployment: Deployment) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT first_password FROM polardb_io_storages_deployment")
        assert status_of(deployment).password not in cursor.fetchone()[0]
    deployment.user.set_password("my-own-password-1")
    deployment.user.save()
    assert status_of(deployment).password is None
    assert Deployment.objects.get().first_password is None


def test_a_strengthened_hash_is_not_a_changed_password(deployment: Deployment) -> None:
    password = first_password_of(deployment)
    deployment.user.set_password(password)  # another salt: as when Django strengthens the hash at a login
    deployment.user.save()
    assert status_of(Deployment.objects.get()).password == password


def test_status_tells_progress_and_failure(deployment: Deployment) -> None:
    storage = import_storage_of(deployment)
    type(storage).objects.update(status=storage.Status.IN_PROGRESS, last_sync=None)
    Deployment.objects.update(rows=10)
    deployment.refresh_from_db()
    assert state_in_words(status_of(deployment)) == "Deploying 3/10"
    type(storage).objects.update(status=storage.Status.FAILED, traceback="The server is down.")
    assert state_in_words(status_of(deployment)) == "Failed: The server is down."
    deployment.project.delete()
    deployment.refresh_from_db()
    assert state_in_words(status_of(deployment)).startswith("Failed: its project was deleted")


def test_status_tells_what_needs_a_look(deployment: Deployment, source: Source) -> None:
    storage = import_storage_of(deployment)
    source.add(("cut-1.jpg", "/9j/4AAQSkZJRgABAQEAYABgAAD..."), ("cut-2.png", "/9j/4AAQSkZJRgABAQEAWABgAAD..."))
    run_sync(storage)
    status = status_of(deployment)
    assert (status.state, status.rows, status.tasks, status.failed_rows) == (DeploymentState.DEGRADED, 5, 3, 2)
    assert state_in_words(status) == "Degraded: 2 rows could not be read; /polardb/deployments/mark_animal/ lists them"
    annotate(deployment.project.tasks.first(), deployment.user)
    source.execute(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {TABLE} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'"
    )
    deliver(export_storage_of(deployment))
    status = status_of(deployment)
    assert (status.pending_writebacks, status.parked_writebacks) == (1, 1)
    assert "2 rows could not be read and 1 result could not be written" in status.reason
    source.execute(f"DELETE FROM {TABLE} WHERE original_name LIKE 'cut%%'")
    source.execute("DROP TRIGGER refuse")
    run_sync(storage)
    retry_now(export_storage_of(deployment))
    deliver(export_storage_of(deployment))
    status = status_of(deployment)
    assert (status.state, status.rows, status.failed_rows, status.reason) == (DeploymentState.SERVING, 3, 0, "")


def test_many_deployments_take_as_many_queries_as_one(
    deployment: Deployment, source: Source, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        source.execute(f"CREATE TABLE other_{number} LIKE {TABLE}")
        deploy(DeployModel("Label-Studio", f"other_{number}", "1", f"other_{number}"), source.parameters)
    with django_assert_num_queries(7):
        rows = all_statuses()
    assert [row.name for row in rows] == ["mark_animal", "other_0", "other_1", "other_2"]
