"""What is recorded of statements: who, when, from where, with what outcome; no password."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from polardb_bridge.deployments.execution.audit import MAX_STATEMENT_LENGTH, Actor
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.statements.errors import StatementError
from support.race import race
from support.source_data import Source
from support.statements import ADDRESS, DEPLOY, records, row_of

pytestmark = pytest.mark.usefixtures("commands_database")


def test_a_record_says_who_what_when_from_where_and_how(
    user: Any, actor: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    execute("show  deployments /* all of them */", actor)
    record = StatementRecord.objects.get()
    assert (record.user, record.user_name, record.client_ip, record.via) == (user, user.email, ADDRESS, "api")
    assert (record.statement, record.outcome, record.error) == ("SHOW DEPLOYMENTS", "done", "")
    [logged] = [entry for entry in caplog.records if entry.name == "polardb_bridge.deployments.audit"]
    assert logged.getMessage() == f"{user.email} from {ADDRESS} via api: done: SHOW DEPLOYMENTS"
    assert logging.getLogger(logged.name).getEffectiveLevel() == logging.INFO
    user.delete()
    record.refresh_from_db()
    assert (record.user, record.user_name) == (None, "admin@example.com")


def test_no_record_and_no_log_holds_a_password(actor: Actor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    execute(DEPLOY, actor)
    [shown] = execute("SHOW DEPLOYMENT mark_animal", actor)
    with pytest.raises(StatementError) as found:
        execute("ALTER DEPLOYMENT x WITH (title='t', password = 'hunter2')", actor)
    with pytest.raises(StatementError) as unknown:
        execute("DEPLOY MODEL x WITH (Secret_Key \"hunter2\", title='t')", actor)
    stored = json.dumps(list(StatementRecord.objects.values("statement", "error")))
    assert stored.count("***") >= 2
    for secret in (row_of(shown)["password"], "hunter2"):
        assert len(secret) > 5
        assert secret not in stored + caplog.text + str(found.value) + str(unknown.value)


def test_records_are_kept_for_a_time(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        execute("SHOW DEPLOYMENTS", actor)
    oldest, younger = StatementRecord.objects.order_by("pk")[:2]
    for record, days in ((oldest, 366), (younger, 364)):
        StatementRecord.objects.filter(pk=record.pk).update(at=timezone.now() - timedelta(days=days))
    monkeypatch.setenv("POLARDB_STATEMENT_RECORD_DAYS", "0")
    execute("SHOW DEPLOYMENTS", actor)
    assert StatementRecord.objects.filter(pk=oldest.pk).exists()
    monkeypatch.delenv("POLARDB_STATEMENT_RECORD_DAYS")
    execute("SHOW DEPLOYMENTS", actor)
    assert list(StatementRecord.objects.filter(pk__in=[oldest.pk, younger.pk])) == [younger]


def test_a_record_takes_what_a_database_cannot(actor: Actor) -> None:
    hostile = "SHOW\0 \ud800\n\r\x1b[31m" + "x" * 100_000
    with pytest.raises(StatementError):
        execute(hostile, actor)
    record = StatementRecord.objects.get()
    assert record.statement.startswith("SHOW\\x00 \\ud800\\n\\r\\x1b[31mxxx")
    assert record.statement.isprintable()
    assert MAX_STATEMENT_LENGTH < len(record.statement) < MAX_STATEMENT_LENGTH + 100


def test_a_deploy_that_breaks_off_is_recorded_and_leaves_nothing(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile = []

    def full(choices: Any) -> None:
        meanwhile.extend(StatementRecord.objects.values_list("outcome", "error"))
        raise OSError("no randomness left")

    monkeypatch.setattr("secrets.choice", full)
    with pytest.raises(OSError, match="no randomness"):
        execute(DEPLOY, actor)
    running = ("running", "No end is recorded: it runs, or its process ended before it did.")
    assert meanwhile == [running], "what others see meanwhile, and what a killed process leaves"
    record = StatementRecord.objects.get()
    assert (record.outcome, record.error) == ("failed", "OSError, see the log")
    assert not Deployment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_deploy_that_is_rolled_back_is_recorded(source: Source, actor: Actor) -> None:
    """The second of two deploys of one name at once fails in its transaction; both are in the record."""
    outcomes = race(*[lambda: execute(DEPLOY, actor)] * 2)
    [refused] = [outcome for outcome in outcomes if isinstance(outcome, StatementError)]
    assert refused.code == 1304
    assert Deployment.objects.count() == 1
    assert sorted(outcome for _, outcome in records()) == ["done", "refused"]
