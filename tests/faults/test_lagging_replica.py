"""Reads that lag behind what was written: nothing is undone by them."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from tasks.models import Task

from polardb_bridge.choices import ImageDelivery
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.identity import read_identity
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile
from support.cluster import Cluster, ClusterAddress, running_cluster
from support.labeling import LabelingProject, Provisioned, provision
from support.source_data import TABLE, Source, base64_text, image_bytes, region
from support.writeback import dirty_tasks, state, uid


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def source(cluster: Cluster) -> Iterator[Source]:
    """The table on the primary; the replica has caught up with its three rows."""
    admin = ConnectionParameters.from_url(cluster.primary.url("mysql"))
    parameters = dataclasses.replace(admin, database=f"bridge_{secrets.token_hex(4)}")
    with begin(admin) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {parameters.database} CHARACTER SET utf8mb4")
    source = Source.create(parameters)
    source.add_images(3)
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL 1 HOUR")
    cluster.catch_up()
    yield source
    dispose()


@pytest.fixture
def address(cluster: Cluster) -> Iterator[ClusterAddress]:
    with ClusterAddress(cluster.primary.port, cluster.replica.port) as address:
        yield address


@pytest.fixture(params=["the cluster's address", "the replica's address"])
def provisioned(
    request: pytest.FixtureRequest, user: Any, source: Source, cluster: Cluster, address: ClusterAddress
) -> Provisioned:
    """Read and written by the cluster's address, or read from the replica and written to the primary."""
    provisioned = provision(source.parameters)
    if request.param == "the cluster's address":
        provisioned.export_storage.port = provisioned.import_storage.port = address.port
    else:
        provisioned.import_storage.port = cluster.replica.port
    provisioned.import_storage.image_delivery = ImageDelivery.DATA_URI.value
    provisioned.import_storage.save()
    provisioned.export_storage.save()
    return provisioned


@pytest.fixture
def project(provisioned: Provisioned, api: Any) -> LabelingProject:
    run_sync(provisioned.import_storage)
    tasks = {task.data["id"]: task for task in Task.objects.filter(project=provisioned.project)}
    assert len(tasks) == 3
    return LabelingProject(provisioned, api, tasks)


def read_by(provisioned: Provisioned, parameters: ConnectionParameters) -> None:
    """Have the next sync read from another place."""
    provisioned.import_storage.port = parameters.port
    provisioned.import_storage.save()


def replace_image(source: Source, row_id: int, color: str = "blue") -> str:
    data = base64_text(image_bytes(color=color))
    source.execute(f"UPDATE {TABLE} SET base64_data = '{data}' WHERE id = {row_id}")
    return data


def test_the_address_of_a_cluster_is_its_primary(source: Source, address: ClusterAddress, cluster: Cluster) -> None:
    found = []
    for port in (cluster.primary.port, address.port):
        with connect(dataclasses.replace(source.parameters, port=port)) as connection:
            found.append(read_identity(connection, TABLE))
    assert found[0] == found[1]


def test_new_rows_keep_their_tasks(
    project: LabelingProject, provisioned: Provisioned, source: Source, cluster: Cluster
) -> None:
    cluster.lag()
    lagging = dataclasses.replace(source.parameters, port=provisioned.import_storage.port)
    [newest] = source.add_images(1)
    read_by(provisioned, source.parameters)
    assert run_sync(provisioned.import_storage).created == 1
    read_by(provisioned, lagging)
    report = run_sync(provisioned.import_storage)
    assert (report.removed, report.kept, report.existed) == (0, 0, 4)
    assert Task.objects.filter(project=provisioned.project, data__id=newest).exists()


@pytest.mark.parametrize("hours", [0, 1], ids=["within doubt", "settled"])
def test_an_image_is_not_put_back(
    hours: int, project: LabelingProject, provisioned: Provisioned, source: Source, cluster: Cluster
) -> None:
    cluster.lag()
    lagging = dataclasses.replace(source.parameters, port=provisioned.import_storage.port)
    row_id = next(iter(project.tasks))
    data = replace_image(source, row_id)
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL {30 * hours} MINUTE WHERE id = {row_id}")
    read_by(provisioned, source.parameters)
    assert run_sync(provisioned.import_storage).updated == 1
    read_by(provisioned, lagging)
    assert run_sync(provisioned.import_storage).updated == 0
    assert Task.objects.get(project=provisioned.project, data__id=row_id).data["image"].endswith(data)


def test_an_older_version_that_is_the_present_one_is_shown(
    project: LabelingProject, provisioned: Provisioned, source: Source, cluster: Cluster
) -> None:
    """Somebody has restored a backup: the primary says so, too."""
    row_id = next(iter(project.tasks))
    data = replace_image(source, row_id, "green")
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL 1 DAY WHERE id = {row_id}")
    cluster.catch_up()
    assert run_sync(provisioned.import_storage).updated == 1
    assert Task.objects.get(project=provisioned.project, data__id=row_id).data["image"].endswith(data)


def test_what_is_really_gone_goes(
    project: LabelingProject, provisioned: Provisioned, source: Source, cluster: Cluster
) -> None:
    row_id = next(iter(project.tasks))
    source.execute(f"DELETE FROM {TABLE} WHERE id = {row_id}")
    cluster.catch_up()
    assert run_sync(provisioned.import_storage).removed == 1


def test_what_is_not_certain_waits(
    project: LabelingProject, provisioned: Provisioned, source: Source, cluster: Cluster
) -> None:
    """Nobody can say whether the row is gone while the server of the results is away."""
    row_id = next(iter(project.tasks))
    read_by(provisioned, source.parameters)
    source.execute(f"DELETE FROM {TABLE} WHERE id = {row_id}")
    target = provisioned.export_storage
    port, target.port = target.port, 1
    target.save()
    report = run_sync(provisioned.import_storage)
    assert (report.removed, report.existed) == (0, 3)
    target.port = port
    target.save()
    assert run_sync(provisioned.import_storage).removed == 1


def test_a_fresh_result_does_not_differ(
    project: LabelingProject, provisioned: Provisioned, source: Source, cluster: Cluster
) -> None:
    cluster.lag()
    target = provisioned.export_storage
    annotations = {row_id: project.submit(row_id, region()) for row_id in project.tasks}
    assert deliver(target).written == 3
    report = reconcile(target)
    assert (report.checked, report.different, report.missing) == (3, 0, 0)
    assert not dirty_tasks()
    for row_id, annotation in annotations.items():
        assert state(source.row(row_id)) == ([region()], 1, uid(annotation))


def test_what_really_differs_is_found(
    project: LabelingProject, provisioned: Provisioned, source: Source, cluster: Cluster
) -> None:
    row_id = next(iter(project.tasks))
    project.submit(row_id, region())
    target = provisioned.export_storage
    deliver(target)
    source.execute(f"UPDATE {TABLE} SET annotation_count = 7 WHERE id = {row_id}")
    cluster.catch_up()
    assert reconcile(target).different == 1
    deliver(target)
    assert source.row(row_id)["annotation_count"] == 1


def test_links_show_the_newest_image(provisioned: Provisioned, api: Any, source: Source, cluster: Cluster) -> None:
    """And that of a row which the replica does not have yet."""
    storage = provisioned.import_storage
    storage.image_delivery = ImageDelivery.LINK.value
    storage.save()
    lagging = dataclasses.replace(source.parameters, port=storage.port)
    run_sync(storage)
    cluster.lag()
    [newest] = source.add_images(1)
    replace_image(source, 1)
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL 30 MINUTE WHERE id = 1")
    read_by(provisioned, source.parameters)
    run_sync(storage)
    read_by(provisioned, lagging)
    tasks = {task.data["id"]: task for task in provisioned.project.tasks.all()}
    assert api.get(tasks[1].data["image"]).content == image_bytes(color="blue")
    assert api.get(tasks[newest].data["image"]).content == image_bytes()
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL 1 DAY WHERE id = 1")
    assert api.get(tasks[1].data["image"]).status_code == 200  # older, and the present one


def test_the_newest_of_existing_results_comes_in(
    user: Any, source: Source, address: ClusterAddress, cluster: Cluster
) -> None:
    """A project that is made again while the replica holds the result before the last."""
    import json

    results = [json.dumps([region(label)]) for label in ("cat", "dog")]
    change = f"UPDATE {TABLE} SET annotation_data = '%s', annotation_count = 1 WHERE id = 1"
    source.execute((change % results[0]).replace("%", "%%"))
    cluster.catch_up()
    cluster.lag()
    source.execute((change % results[1]).replace("%", "%%"))
    provisioned = provision(dataclasses.replace(source.parameters, port=address.port))
    run_sync(provisioned.import_storage)
    [annotation] = provisioned.project.tasks.get(data__id=1).annotations.all()
    assert annotation.result == [region("dog")]
    assert address.reads
