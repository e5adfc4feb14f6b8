"""No password of a database is shown or logged, whatever goes wrong."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from polardb_bridge.databases.fields import is_encrypted
from polardb_bridge.errors import BridgeError, ReconfigureError
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import connect, dispose, engine_for
from polardb_bridge.webhooks.delivery import deliver_due
from support.labeling import LabelingProject, Provisioned
from support.source_data import TABLE, Source, region

SECRET = "hunter2-and-more"


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All log records of all loggers from here on, with their tracebacks, as text."""
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy", "django", "polardb_bridge"):
        caplog.set_level(logging.DEBUG, logger=name)
    return lambda: caplog.text


@pytest.fixture
def secret_account(project: LabelingProject, source: Source) -> Iterator[LabelingProject]:
    """The project's storages connect with an account that has a password."""
    source.execute(f"CREATE USER secretive IDENTIFIED BY '{SECRET}'")
    source.execute(f"GRANT SELECT, UPDATE ON {source.parameters.database}.{TABLE} TO secretive")
    for storage in (project.provisioned.import_storage, project.export_storage):
        storage.user, storage.password = "secretive", SECRET
        storage.save()
    yield project
    dispose(project.export_storage.connection_parameters())
    source.execute("DROP USER secretive")


def test_nothing_is_shown_while_all_goes_well(
    secret_account: LabelingProject, everything_logged: Callable[[], str]
) -> None:
    run_sync(secret_account.provisioned.import_storage)
    secret_account.submit(1, region())
    secret_account.deliver()
    parameters = secret_account.export_storage.connection_parameters()
    shown = f"{parameters!r} {parameters} {engine_for(parameters)!r} {engine_for(parameters).url}"
    assert SECRET not in shown + everything_logged()


@pytest.mark.parametrize("fault", ["password changed", "server gone", "table gone", "column gone"])
def test_nothing_is_shown_when_it_fails(
    secret_account: LabelingProject,
    source: Source,
    everything_logged: Callable[[], str],
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    storages = (secret_account.provisioned.import_storage, secret_account.export_storage)
    if fault == "password changed":
        source.execute("ALTER USER secretive IDENTIFIED BY 'another'")
    elif fault == "table gone":
        source.execute(f"DROP TABLE {TABLE}")
    elif fault == "column gone":
        source.execute(f"ALTER TABLE {TABLE} DROP COLUMN annotation_data")
    else:
        for storage in storages:
            storage.port = 1
            storage.save()
    import_storage = storages[0]
    with pytest.raises(BridgeError) as failed:
        run_sync(import_storage)
    import_storage.refresh_from_db()
    secret_account.submit(1, region())
    reports = deliver_due()
    assert all(report.error for report in reports.values())
    answers = [
        secret_account.api.post(f"/api/storages/polardb/{import_storage.pk}/sync"),
        secret_account.api.get("/api/storages", {"project": import_storage.project_id}),
    ]
    with pytest.raises(CommandError) as command:
        call_command("check_storage", "--storage-id", str(import_storage.pk))
    shown = [
        "".join(traceback.format_exception(failed.value)),
        str(command.value),
        import_storage.traceback,
        *(answer.content.decode() for answer in answers),
        *(report.error for report in reports.values()),
        *capsys.readouterr(),
        everything_logged(),
    ]
    assert not any(SECRET in text for text in shown)


def test_a_wrong_url_in_the_environment_is_not_repeated(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setenv("POLARDB_URL", f"mysql://user:{SECRET}@host:port/db")
    with pytest.raises(CommandError) as failed:
        call_command("create_tables")
    assert "POLARDB_URL" in str(failed.value)
    assert SECRET not in "".join(traceback.format_exception(failed.value))


def test_the_database_of_label_studio_holds_it_encrypted(secret_account: LabelingProject) -> None:
    from django.db import connection

    storage = secret_account.export_storage
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT password FROM {storage._meta.db_table} WHERE id = {storage.pk}")
        [stored] = cursor.fetchone()
    assert stored.startswith("gAAAA"), "a Fernet token"
    assert SECRET not in stored
    storage.refresh_from_db()
    assert storage.password == SECRET
    with connect(storage.connection_parameters()):
        pass


def test_a_dump_holds_passwords_as_they_are_stored(provisioned: Provisioned) -> None:
    from django.core import serializers

    storages = [provisioned.import_storage, provisioned.export_storage]
    for storage in storages:
        storage.password = "pw-Zx9 密码"
        storage.save()
    dump = serializers.serialize("json", [type(storage).objects.get(pk=storage.pk) for storage in storages])
    assert "pw-Zx9" not in dump
    for storage in storages:
        type(storage).objects.filter(pk=storage.pk).update(password="other")
    for restored in serializers.deserialize("json", dump):
        restored.save()
    assert {type(storage).objects.get(pk=storage.pk).password for storage in storages} == {"pw-Zx9 密码"}


def test_a_dump_holds_no_first_password(deployment: Any) -> None:
    from django.core import serializers

    from polardb_bridge.deployments.models import Deployment

    password = deployment.first_password = "first-Zx9"
    dump = serializers.serialize("json", [deployment])
    assert password not in dump
    Deployment.objects.filter(pk=deployment.pk).update(first_password="other")
    for restored in serializers.deserialize("json", dump):
        restored.save()
    assert Deployment.objects.get(pk=deployment.pk).first_password == password


def test_a_dump_that_comes_to_another_secret_key_waits_for_its_own(
    provisioned: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core import serializers

    storage = provisioned.import_storage
    key = type(storage)._meta.get_field("password")
    storage.password = password = "pw-Zx9"
    storage.save()
    dump = serializers.serialize("json", [storage])
    with monkeypatch.context() as elsewhere:
        elsewhere.setitem(key.__dict__, "f", Fernet(Fernet.generate_key()))
        for restored in serializers.deserialize("json", dump):
            restored.save()
        there = type(storage).objects.get(pk=storage.pk)
        with pytest.raises(ReconfigureError, match="encrypted with another SECRET_KEY: type it again") as error:
            there.connection_parameters()
        assert error.value.field == "password"
        with pytest.raises(ReconfigureError, match="another SECRET_KEY"):
            run_sync(there, force=True)
        there.refresh_from_db()
        assert "another SECRET_KEY" in there.traceback
        there.title = "saved again"
        there.save()
        assert there.password not in (None, password)
    back = type(storage).objects.get(pk=storage.pk)
    assert (back.title, back.connection_parameters().password) == ("saved again", password)


def test_a_first_password_of_another_secret_key_is_not_shown(deployment: Any) -> None:
    from polardb_bridge.deployments.models import Deployment

    token = Fernet(Fernet.generate_key()).encrypt(b"first-Zx9").decode()
    Deployment.objects.filter(pk=deployment.pk).update(first_password=token)
    found = Deployment.objects.get(pk=deployment.pk)
    assert found.first_password == token
    assert found.reveal_password() is None


@pytest.mark.parametrize(
    ("secret", "encrypted"),
    [
        (Fernet(Fernet.generate_key()).encrypt(b"x").decode(), True),
        (Fernet(Fernet.generate_key()).encrypt("密码".encode() * 40).decode(), True),
        (Fernet(Fernet.generate_key()).encrypt(b"x").decode()[:-5], False),
        ("gAAAAA" + "p" * 200, False),
        ("gAAAA", False),
        ("密码", False),
        ("", False),
        (None, False),
    ],
    ids=["short", "long", "cut off", "no base64", "beginning", "other characters", "empty", "none"],
)
def test_only_what_fernet_wrote_passes_for_encrypted(secret: str | None, encrypted: bool) -> None:
    assert is_encrypted(secret) is encrypted
