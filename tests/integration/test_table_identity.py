"""A table is what its server says it is, whatever address, case or spelling leads to it."""

from __future__ import annotations

import dataclasses
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from dev.servers import MariaDB
from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import TableTakenError
from polardb_bridge.storage.checks import check_storages
from polardb_bridge.storage.matching import GOES_NOWHERE, sources_of
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.identity import path_of, read_identity
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile
from support.deployments import REQUEST
from support.labeling import LabelingProject, Provisioned, provision
from support.proxy import Proxy
from support.source_data import TABLE, Source, region
from support.writeback import state, uid

SOURCES = "/api/storages/polardb"
TARGETS = "/api/storages/export/polardb"
OTHER_CASE = TABLE.title()


@pytest.fixture(scope="module")
def one_case_server() -> Iterator[MariaDB]:
    """Takes `Animal` and `animal` for one table, as servers on Windows and many of managed ones do."""
    with tempfile.TemporaryDirectory(prefix="polardb-bridge-one-case-") as folder:
        server = MariaDB(Path(folder), options=["--lower-case-table-names=1"])
        server.start()
        yield server
        server.stop()


@pytest.fixture
def one_case(one_case_server: MariaDB) -> Iterator[Source]:
    """The documented table on such a server."""
    admin = ConnectionParameters.from_url(one_case_server.url("mysql"))
    parameters = dataclasses.replace(admin, database=f"bridge_{secrets.token_hex(4)}")
    with begin(admin) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {parameters.database} CHARACTER SET utf8mb4")
    yield Source.create(parameters)
    dispose()


def form(project: Any, source: Source, **changes: Any) -> dict[str, Any]:
    """What the form sends for a target."""
    where = source.parameters
    return {
        "project": project.pk,
        "title": "results",
        "host": where.host,
        "port": where.port,
        "database": where.database,
        "user": where.user,
        "password": where.password,
        "table": TABLE,
        "tls": "disabled",
        **changes,
    }


def another_table(source: Source) -> str:
    source.execute(f"CREATE TABLE another LIKE {TABLE}")
    return "another"


class TestIdentity:
    def test_each_address_of_a_server_leads_to_the_same_table(self, source: Source) -> None:
        with Proxy(source.parameters.port) as between:
            found = []
            for host, port in (("127.0.0.1", 0), ("localhost", 0), ("127.0.0.1", between.port)):
                there = dataclasses.replace(source.parameters, host=host, port=port or source.parameters.port)
                with connect(there) as connection:
                    found.append(read_identity(connection, TABLE))
            dispose()
        assert found == [found[0]] * 3
        assert found[0].path == path_of(source.parameters.database, TABLE)

    def test_two_servers_are_not_one(self, source: Source, one_case: Source) -> None:
        servers = set()
        for each in (source, one_case):
            with connect(each.parameters) as connection:
                servers.add(read_identity(connection, TABLE).server)
        assert len(servers) == 2

    def test_case_counts_if_it_counts_for_the_server(self, source: Source, one_case: Source) -> None:
        for each, kinds in ((source, 2), (one_case, 1)):
            with connect(each.parameters) as connection:
                assert len({read_identity(connection, name) for name in (TABLE, OTHER_CASE)}) == kinds

    def test_names_with_dots_are_not_mixed_up(self) -> None:
        assert path_of("a.b", "c") != path_of("a", "b.c")
        assert path_of("a`.`b", "c") != path_of("a", "b`.`c")


class TestDeployments:
    def test_the_same_table_by_another_address_is_taken(self, source: Source, user: Any) -> None:
        deploy(REQUEST, source.parameters)
        second = dataclasses.replace(REQUEST, name="second")
        with pytest.raises(TableTakenError, match=REQUEST.name):
            deploy(second, dataclasses.replace(source.parameters, host="localhost"))
        with Proxy(source.parameters.port) as between, pytest.raises(TableTakenError, match=REQUEST.name):
            deploy(second, dataclasses.replace(source.parameters, port=between.port))
        assert Deployment.objects.count() == 1

    def test_the_same_table_in_another_case_is_taken(self, one_case: Source, user: Any) -> None:
        deploy(REQUEST, one_case.parameters)
        with pytest.raises(TableTakenError, match=REQUEST.name):
            deploy(dataclasses.replace(REQUEST, name="second", source=OTHER_CASE), one_case.parameters)

    def test_deployments_from_before_are_known_by_their_storages(self, source: Source, user: Any) -> None:
        first = deploy(REQUEST, source.parameters)
        Deployment.objects.update(table_identity=None)
        PolarDBExportStorage.objects.update(known_as=None)
        reconcile(PolarDBExportStorage.objects.get())
        elsewhere = dataclasses.replace(source.parameters, host="localhost")
        with pytest.raises(TableTakenError, match=first.name):
            deploy(dataclasses.replace(REQUEST, name="second"), elsewhere)


class TestTargets:
    def test_results_reach_rows_through_another_spelling(self, user: Any, api: Any, one_case: Source) -> None:
        """Before, nothing was pending, nothing was written, and comparing found no row."""
        provisioned = provision(one_case.parameters)
        provisioned.export_storage.delete()
        made = api.post(TARGETS, form(provisioned.project, one_case, table=OTHER_CASE), format="json")
        assert made.status_code == 201, made.content
        [row_id] = one_case.add_images(1)
        run_sync(provisioned.import_storage)
        target = PolarDBExportStorage.objects.get()
        project = LabelingProject(provisioned, api, {row_id: provisioned.project.tasks.get()})
        annotation = project.submit(row_id, region())
        assert deliver(target).written == 1
        assert state(one_case.row(row_id)) == ([region()], 1, uid(annotation))
        assert reconcile(target).checked == 1

    @pytest.mark.parametrize("how", ["create", "edit", "test"])
    def test_a_target_that_no_source_reads_is_refused(
        self, how: str, api: Any, provisioned: Provisioned, source: Source
    ) -> None:
        target = provisioned.export_storage
        data = form(provisioned.project, source, table=another_table(source))
        if how == "edit":
            answer = api.patch(f"{TARGETS}/{target.pk}", data, format="json")
        else:
            answer = api.post(TARGETS if how == "create" else f"{TARGETS}/validate", data, format="json")
        assert answer.status_code == 400
        assert "would go nowhere" in str(answer.json())
        assert TABLE in str(answer.json())
        assert [target.table for target in PolarDBExportStorage.objects.all()] == [TABLE]

    def test_a_target_may_come_before_its_source(self, api: Any, provisioned: Provisioned, source: Source) -> None:
        provisioned.import_storage.delete()
        made = api.post(TARGETS, form(provisioned.project, source, table=another_table(source)), format="json")
        assert made.status_code == 201, made.content

    @pytest.mark.parametrize("how", ["create", "test"])
    def test_a_source_of_another_table_than_the_target_before_it_is_refused(
        self, how: str, api: Any, provisioned: Provisioned, source: Source
    ) -> None:
        provisioned.import_storage.delete()
        other = form(provisioned.project, source, table=another_table(source))
        answer = api.post(SOURCES if how == "create" else f"{SOURCES}/validate", other, format="json")
        assert answer.status_code == 400
        assert "would go nowhere: the target of this project writes" in str(answer.json())
        assert TABLE in str(answer.json())
        made = api.post(SOURCES, form(provisioned.project, source), format="json")
        assert made.status_code == 201, made.content
        # The target has its source now: a second table may come, and its target after it.
        made = api.post(SOURCES, other, format="json")
        assert made.status_code == 201, made.content

    def test_results_may_go_to_the_same_table_elsewhere(
        self, api: Any, provisioned: Provisioned, source: Source, one_case: Source
    ) -> None:
        """A copy of the table on another server, as before."""
        provisioned.export_storage.delete()
        one_case.execute(f"CREATE DATABASE {source.parameters.database}")
        there = dataclasses.replace(one_case.parameters, database=source.parameters.database)
        made = api.post(TARGETS, form(provisioned.project, Source.create(there)), format="json")
        assert made.status_code == 201, made.content
        assert sources_of(PolarDBExportStorage.objects.get()) == [provisioned.import_storage]

    def test_a_target_keeps_its_table_while_its_server_moves(self, api: Any, provisioned: Provisioned) -> None:
        """The new server may not answer yet."""
        target = provisioned.export_storage
        answer = api.patch(f"{TARGETS}/{target.pk}", {"port": 1, "password": "again"}, format="json")
        assert answer.status_code == 200, answer.content
        target.refresh_from_db()
        assert (target.port, target.identity) == (1, None)

    def test_what_was_accepted_before_is_named_everywhere(
        self, api: Any, provisioned: Provisioned, source: Source, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target = provisioned.export_storage
        assert check_storages(None, databases=["default"]) == []
        PolarDBExportStorage.objects.update(table=another_table(source))
        [warning] = check_storages(None, databases=["default"])
        assert str(target.pk) in warning.msg
        shown = api.get(f"{TARGETS}/{target.pk}").json()["writeback"]
        assert (shown["error"], shown["pending"]) == (GOES_NOWHERE, None)
        call_command("reconcile_writebacks")
        assert GOES_NOWHERE in capsys.readouterr().err

    def test_the_identity_is_nobody_s_business(self, api: Any, provisioned: Provisioned) -> None:
        shown = api.get(f"{TARGETS}/{provisioned.export_storage.pk}").json()
        assert not {"known_as", "owned_table"} & set(shown)
