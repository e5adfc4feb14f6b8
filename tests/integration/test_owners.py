"""One target writes a table, and one source of a project reads it; who comes second is told, and nothing is made."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.errors import TableTakenError
from polardb_bridge.statements.errors import EXISTS, StatementError
from polardb_bridge.storage.checks import check_storages
from polardb_bridge.storage.form_api import MAX_ASKING
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.owners import WRITES_IN_TURNS
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile, reconcile_due
from support.deployments import REQUEST
from support.labeling import LabelingProject, Provisioned, provision
from support.proxy import Proxy
from support.sessions import signed_in
from support.source_data import TABLE, Source, region, url_of
from support.statements import DEPLOY
from support.writeback import state, uid

SOURCES, TARGETS = "/api/storages/polardb", "/api/storages/export/polardb"


@pytest.fixture(autouse=True)
def more_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARDB_ALLOWED_HOSTS", "127.0.0.1,localhost")


def form(project: Any, source: Source, **changes: Any) -> dict[str, Any]:
    where = source.parameters
    account = {"host": where.host, "port": where.port, "database": where.database, "user": where.user}
    labels = {"project": project.pk, "title": "again", "table": TABLE, "tls": "disabled"}
    return {**account, "password": where.password, **labels, **changes}


def new_project(user: Any, title: str = "second") -> Any:
    from projects.models import Project

    image = '<Image name="image" value="$image"/>'
    labels = '<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels>'
    return Project.objects.create(
        title=title,
        organization=user.active_organization,
        created_by=user,
        label_config=f"<View>{image}{labels}</View>",
    )


@pytest.fixture
def stranger(user: Any) -> Any:
    """Somebody of another organization, with a project there."""
    from organizations.models import Organization
    from users.models import User

    person = User.objects.create_user("stranger@example.com", "correct-horse-9")
    person.active_organization = Organization.create_organization(created_by=person, title="Others")
    person.save()
    return person


@pytest.fixture
def rivals(project: LabelingProject, user: Any) -> tuple[PolarDBExportStorage, PolarDBExportStorage]:
    """Two targets of one table, as could be made before: `project`'s, and that of a second project."""
    owner = project.export_storage
    rival = PolarDBExportStorage.objects.get(pk=owner.pk)
    rival.pk, rival.owned_table, rival.project = None, None, new_project(user)
    rival.save()
    twin = PolarDBImportStorage.objects.get(pk=project.provisioned.import_storage.pk)
    twin.pk, twin.project = None, rival.project
    twin.save()
    return owner, rival


class TestTargets:
    @pytest.mark.parametrize("how", ["create", "edit", "test"])
    def test_a_second_target_is_refused_and_the_first_is_named(
        self, how: str, api: Any, user: Any, provisioned: Provisioned, source: Source
    ) -> None:
        data = form(new_project(user), source)
        if how == "edit":
            source.execute(f"CREATE TABLE another LIKE {TABLE}")
            made = api.post(TARGETS, {**data, "table": "another"}, format="json")
            answer = api.patch(f"{TARGETS}/{made.json()['id']}", {"table": TABLE}, format="json")
        else:
            answer = api.post(TARGETS if how == "create" else f"{TARGETS}/validate", data, format="json")
        assert answer.status_code == 400
        [said] = answer.json()["validation_errors"]["table"]
        assert "'my_project'" not in said
        assert f"the project 'animals' (/projects/{provisioned.project.pk})" in said
        assert PolarDBExportStorage.objects.filter(table=TABLE).count() == 1

    def test_nor_has_one_project_two(self, api: Any, provisioned: Provisioned, source: Source) -> None:
        answer = api.post(TARGETS, form(provisioned.project, source), format="json")
        assert answer.status_code == 400
        assert PolarDBExportStorage.objects.count() == 1

    def test_another_address_of_the_server_makes_no_difference(
        self, api: Any, user: Any, provisioned: Provisioned, source: Source
    ) -> None:
        second = new_project(user)
        with Proxy(source.parameters.port) as between:
            for changes in ({"host": "localhost"}, {"port": between.port}):
                answer = api.post(TARGETS, form(second, source, **changes), format="json")
                assert answer.status_code == 400, changes
                assert "already belongs to" in str(answer.json())

    @pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"port": 1}, {"user": "nobody"}])
    def test_the_owner_is_named_whatever_else_is_wrong(
        self, wrong: dict[str, Any], api: Any, user: Any, provisioned: Provisioned, source: Source
    ) -> None:
        data = form(new_project(user), source, **wrong)
        if "port" in wrong:  # another address: nobody knows which server that is
            provisioned.export_storage.port = 1
            provisioned.export_storage.save()
        said = str(api.post(f"{TARGETS}/validate", data, format="json").json())
        assert "the project 'animals'" in said

    def test_an_account_that_may_not_write_is_told_first_whose_the_table_is(
        self, api: Any, user: Any, provisioned: Provisioned, source: Source
    ) -> None:
        source.execute("CREATE USER IF NOT EXISTS reader@'%%' IDENTIFIED BY 'reader'")
        source.execute(f"GRANT SELECT ON {source.parameters.database}.* TO reader@'%%'")
        data = form(new_project(user), source, user="reader", password="reader")
        assert "already belongs to" in str(api.post(f"{TARGETS}/validate", data, format="json").json())

    def test_strangers_are_not_told_whose_it_is(self, stranger: Any, provisioned: Provisioned, source: Source) -> None:
        theirs = signed_in(stranger.email, "correct-horse-9")
        data = form(new_project(stranger), source)
        said = str(theirs.post(TARGETS, data, format="json").json())
        assert "has an owner" in said
        assert "animals" not in said.replace(TABLE, "")
        assert f"/projects/{provisioned.project.pk}" not in said
        # Nor that there is one, without an account of the server.
        said = str(theirs.post(TARGETS, {**data, "password": "wrong"}, format="json").json())
        assert "owner" not in said

    def test_a_table_is_free_once_its_target_is_gone(
        self, api: Any, user: Any, provisioned: Provisioned, source: Source
    ) -> None:
        provisioned.export_storage.delete()
        made = api.post(TARGETS, form(new_project(user), source), format="json")
        assert made.status_code == 201, made.content

    def test_a_target_may_be_changed_without_losing_its_table(
        self, api: Any, provisioned: Provisioned, source: Source
    ) -> None:
        target = provisioned.export_storage
        for changes in ({"title": "renamed"}, {"host": "localhost", "password": source.parameters.password}):
            answer = api.patch(f"{TARGETS}/{target.pk}", changes, format="json")
            assert answer.status_code == 200, answer.content
            before = target.owned_table
            target.refresh_from_db()
            assert target.owned_table == before


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_gets_the_table(api: Any, user: Any, source: Source) -> None:
    from django.db import connection

    projects = [new_project(user, f"project {number}") for number in range(MAX_ASKING)]
    ready = threading.Barrier(len(projects))
    answers = []

    def add(project: Any) -> None:
        browser = signed_in(user.email, "correct-horse-9")
        ready.wait(30)
        answers.append(browser.post(TARGETS, form(project, source), format="json"))
        connection.close()

    threads = [threading.Thread(target=add, args=(project,)) for project in projects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400]
    assert PolarDBExportStorage.objects.count() == 1


class TestDeployments:
    def test_a_project_s_table_is_not_deployed(self, provisioned: Provisioned, source: Source) -> None:
        with pytest.raises(TableTakenError, match=f"the project 'animals' .*/projects/{provisioned.project.pk}"):
            deploy(REQUEST, source.parameters)

    def test_statements_say_so_in_mysql_s_form(
        self, provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("POLARDB_URL", url_of(source.parameters))
        with pytest.raises(StatementError, match="the project 'animals'") as raised:
            execute(DEPLOY.replace("'1'", "'no such template'"), Actor(None, None, "command"))
        assert raised.value.code == EXISTS

    def test_a_deployment_s_table_gets_no_second_target(
        self, api: Any, user: Any, stranger: Any, source: Source
    ) -> None:
        deploy(REQUEST, source.parameters)
        said = str(api.post(TARGETS, form(new_project(user), source), format="json").json())
        assert f"the deployment {REQUEST.name!r}" in said
        theirs = signed_in(stranger.email, "correct-horse-9")
        said = str(theirs.post(TARGETS, form(new_project(stranger), source), format="json").json())
        assert "has an owner" in said
        assert REQUEST.name not in said

    def test_provisioning_again_is_no_second_owner(self, provisioned: Provisioned, source: Source) -> None:
        again = provision(source.parameters)
        assert (again.created, again.export_storage) == (False, provisioned.export_storage)

    def test_provisioning_another_project_is_refused(self, provisioned: Provisioned, source: Source) -> None:
        from projects.models import Project

        with pytest.raises(TableTakenError, match="the project 'animals'"):
            provision(dataclasses.replace(source.parameters, host="localhost"), "second")
        assert [project.title for project in Project.objects.all()] == ["animals"]


class TestSources:
    def test_a_project_reads_a_table_once(self, api: Any, provisioned: Provisioned, source: Source) -> None:
        for changes in ({}, {"host": "localhost"}):
            answer = api.post(SOURCES, form(provisioned.project, source, **changes), format="json")
            assert answer.status_code == 400
            assert f"storage {provisioned.import_storage.pk}" in str(answer.json())
        assert PolarDBImportStorage.objects.count() == 1

    def test_another_project_may_read_it_and_is_told_who_writes(
        self, api: Any, user: Any, stranger: Any, project: LabelingProject, source: Source
    ) -> None:
        data = form(new_project(user), source)
        files = api.post(f"{SOURCES}/files", data, format="json").json()["files"]
        assert files[-1]["elsewhere"] == [{"project": "animals", "rows": 3, "writes": True}]
        made = api.post(SOURCES, data, format="json")
        assert made.status_code == 201, made.content
        theirs = signed_in(stranger.email, "correct-horse-9")
        there = {"host": "localhost"}
        files = theirs.post(f"{SOURCES}/files", form(new_project(stranger), source, **there), format="json").json()
        assert files["files"][-1]["elsewhere"] == [{"project": None, "rows": 3, "writes": True}]


class TestWhatThereIsAlready:
    def test_it_is_named(
        self, rivals: tuple[PolarDBExportStorage, PolarDBExportStorage], api: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        owner, rival = rivals
        [warning] = check_storages(None, databases=["default"])
        assert warning.id == "polardb_bridge.W021"
        assert "'animals'" in warning.msg
        assert "'second'" in warning.msg
        assert api.get(f"{TARGETS}/{rival.pk}").json()["writeback"]["error"] == WRITES_IN_TURNS
        assert api.get(f"{TARGETS}/{owner.pk}").json()["writeback"]["error"] == ""
        with pytest.raises(CommandError, match="already belongs to the project 'animals'"):
            call_command("check_storage", storage_id=rival.pk, export=True)
        call_command("check_storage", storage_id=owner.pk, export=True)
        call_command("reconcile_writebacks")
        assert "belongs to the project 'animals'" in capsys.readouterr().err

    def test_a_source_twice_in_a_project_is_named(self, provisioned: Provisioned) -> None:
        twin = PolarDBImportStorage.objects.get(pk=provisioned.import_storage.pk)
        twin.pk, twin.owned_table = None, None
        twin.save()
        [warning] = check_storages(None, databases=["default"])
        assert warning.id == "polardb_bridge.W022"
        assert str(twin.pk) in warning.msg

    def test_comparing_leaves_the_owner_s_results(
        self, project: LabelingProject, rivals: tuple[PolarDBExportStorage, PolarDBExportStorage], source: Source
    ) -> None:
        owner, rival = rivals
        row_id = min(project.tasks)
        annotation = project.submit(row_id, region())
        deliver(owner)
        reconcile_due(rival.project.organization_id)
        assert (reconcile(rival).owner, reconcile(rival).different) == (
            f"the project 'animals' (/projects/{owner.project_id})",
            0,
        )
        deliver(rival)
        assert state(source.row(row_id)) == ([region()], 1, uid(annotation))

    def test_the_other_has_the_table_once_the_owner_is_gone(
        self, rivals: tuple[PolarDBExportStorage, PolarDBExportStorage]
    ) -> None:
        owner, rival = rivals
        key = owner.owned_table
        owner.delete()
        assert reconcile(rival).owner == ""
        rival.refresh_from_db()
        assert rival.owned_table == key
        assert check_storages(None, databases=["default"]) == []

    @pytest.mark.parametrize("ask", [lambda rival: None, reconcile])
    def test_of_those_nobody_was_asked_about_the_oldest_keeps_it(
        self, rivals: tuple[PolarDBExportStorage, PolarDBExportStorage], ask: Callable[[PolarDBExportStorage], object]
    ) -> None:
        owner, _ = rivals
        PolarDBExportStorage.objects.update(known_as=None, owned_table=None)
        ask(PolarDBExportStorage.objects.get(pk=owner.pk))
        [warning] = check_storages(None, databases=["default"])
        assert warning.msg.index("'animals'") < warning.msg.index("'second'")
