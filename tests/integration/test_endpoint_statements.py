"""Statements of deployments from MySQL clients: run with the rights that the client's own account has."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import MySQLdb
import pytest
from django.core.management import call_command

from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.endpoint.session import Upstream
from polardb_bridge.endpoint.statements import Statements
from polardb_bridge.table.connection import begin
from support.endpoint import served
from support.mysql_client import CLOSE, EXECUTE, PREPARE, QUERY, Error, MySQLClient, packet
from support.source_data import TABLE, Source
from support.statements import COLUMNS, DEPLOY

SHOW_ALL = "/*polar4ai*/SHOW DEPLOYMENTS"
DENIED, OPERATORS_ONLY, EXISTS, UNKNOWN, SYNTAX, WRONG_ARGUMENTS = 1142, 1227, 1304, 1305, 1064, 1210
COLUMN_DENIED = 1143


@pytest.fixture
def accounts(source: Source) -> Iterator[dict[str, str]]:
    """Without passwords. labeler: may read and write the table. reader: may read it. stranger: neither."""
    database = source.parameters.database
    names = {role: f"{role}_{database[-8:]}" for role in ("labeler", "reader", "stranger")}
    with begin(source.parameters) as connection:
        for name in names.values():
            connection.exec_driver_sql(f"CREATE USER {name} IDENTIFIED BY ''")
        for role in ("labeler", "reader"):
            connection.exec_driver_sql(f"GRANT SELECT ON {database}.{TABLE} TO {names[role]}")
            connection.exec_driver_sql(f"GRANT SELECT ON {database}.annotation_template TO {names[role]}")
        connection.exec_driver_sql(f"GRANT UPDATE ON {database}.{TABLE} TO {names['labeler']}")
    yield names
    with begin(source.parameters) as connection:
        for name in names.values():
            connection.exec_driver_sql(f"DROP USER {name}")


@pytest.fixture
def endpoint(source: Source, transactional_db: None, user: Any, commands_database: None) -> Iterator[int]:
    source.add_images(2)
    with served(Upstream("127.0.0.1", source.parameters.port, needs_tls=False), Statements(source.parameters)) as port:
        yield port


@contextlib.contextmanager
def connected(port: int, user: str, **options: Any) -> Iterator[Any]:
    with contextlib.closing(
        MySQLdb.connect(
            host="127.0.0.1", port=port, user=user, ssl_mode="DISABLED", **{"charset": "utf8mb4", **options}
        )
    ) as connection:
        yield connection.cursor()


def code_of(cursor: Any, statement: str) -> int:
    with pytest.raises(MySQLdb.Error) as failed:
        cursor.execute(statement)
    return int(failed.value.args[0])


def test_the_documented_statements_are_answered_as_a_server_does(endpoint: int, accounts: dict[str, str]) -> None:
    with connected(endpoint, accounts["labeler"]) as cursor:
        assert cursor.execute(DEPLOY) == 0
        assert cursor.connection.info().startswith("Deployment mark_animal is created.")
        assert cursor.execute("/*polar4ai*/SHOW DEPLOYMENT `mark_animal`;") == 1
        assert [column[0] for column in cursor.description] == list(COLUMNS)
        shown = dict(zip(COLUMNS, cursor.fetchone(), strict=True))
        assert (shown["deployment_name"], shown["rows"], shown["annotated"]) == ("mark_animal", 2, 0)
        assert isinstance(shown["created_at"], datetime)
        assert len(shown["password"]) == 20
        assert cursor.execute(SHOW_ALL) == 1
        cursor.execute("/*polar4ai*/UPDATE WHITEIPS `model_mark_animal` WITH (ips='118.178.1.2,192.168.100.0/24');")
        cursor.execute("/*polar4ai*/SHOW WHITEIPS `model_mark_animal`;")
        assert cursor.fetchall() == (("model_mark_animal", "118.178.1.2,192.168.100.0/24"),)
        assert code_of(cursor, DEPLOY) == EXISTS
        cursor.execute("/*polar4ai*/DROP DEPLOYMENT `mark_animal`;")
        assert cursor.execute(SHOW_ALL) == 0
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == ((1,),)
    assert not Deployment.objects.exists()
    record = StatementRecord.objects.order_by("pk")[0]
    assert (record.via, record.client_ip, record.outcome) == ("mysql", "127.0.0.1", "done")
    assert record.user_name == f"{accounts['labeler']}@%"


def test_an_account_sees_and_does_what_its_privileges_allow(endpoint: int, accounts: dict[str, str]) -> None:
    with connected(endpoint, accounts["reader"]) as reader:
        assert code_of(reader, DEPLOY) == DENIED
    with connected(endpoint, accounts["labeler"]) as labeler:
        labeler.execute(DEPLOY)
    with connected(endpoint, accounts["reader"]) as reader:
        assert reader.execute("/*polar4ai*/SHOW DEPLOYMENT mark_animal") == 1
        assert dict(zip(COLUMNS, reader.fetchone(), strict=True))["password"] == "(hidden)"
        assert code_of(reader, "/*polar4ai*/UPDATE WHITEIPS mark_animal WITH (ips='0.0.0.0/0')") == DENIED
        assert code_of(reader, "/*polar4ai*/DROP DEPLOYMENT mark_animal") == DENIED
        assert code_of(reader, "/*polar4ai*/DROP DEPLOYMENT IF EXISTS mark_animal WITH (force='true')") == DENIED
    with connected(endpoint, accounts["stranger"]) as stranger:
        assert stranger.execute(SHOW_ALL) == 0
        for statement in ("SHOW DEPLOYMENT", "SHOW WHITEIPS", "DROP DEPLOYMENT"):
            assert code_of(stranger, f"/*polar4ai*/{statement} mark_animal") == UNKNOWN
        stranger.execute("/*polar4ai*/DROP DEPLOYMENT IF EXISTS mark_animal")
        assert code_of(stranger, DEPLOY.replace("MODEL", "MODEL IF NOT EXISTS")) == DENIED
        assert code_of(stranger, DEPLOY.replace("polardb4ai_annotation_source_animal", "x` WHERE 1; --")) > 0
    deployment = Deployment.objects.get()
    assert deployment.allowed_networks == []
    refused = StatementRecord.objects.filter(user_name__startswith="reader", outcome="refused")
    assert refused.count() == 4
    assert "command denied to user" in refused[0].error


def test_who_may_read_one_column_deploys_no_others(endpoint: int, accounts: dict[str, str], source: Source) -> None:
    database, stranger = source.parameters.database, accounts["stranger"]
    source.execute(f"GRANT SELECT (id), UPDATE ON {database}.{TABLE} TO {stranger}")
    source.execute(f"GRANT SELECT ON {database}.annotation_template TO {stranger}")
    with connected(endpoint, stranger) as cursor:
        cursor.execute(f"SELECT 1 FROM {database}.{TABLE}")
        assert code_of(cursor, DEPLOY) == COLUMN_DENIED
    source.execute(f"GRANT SELECT ON {database}.{TABLE} TO {stranger}")
    with connected(endpoint, stranger) as cursor:
        cursor.execute(DEPLOY)


def test_privileges_count_that_a_role_gives(endpoint: int, accounts: dict[str, str], source: Source) -> None:
    role = f"role_{source.parameters.database[-8:]}"
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role}")
        connection.exec_driver_sql(f"GRANT SELECT, UPDATE ON {source.parameters.database}.* TO {role}")
        connection.exec_driver_sql(f"GRANT {role} TO {accounts['stranger']}")
    try:
        with connected(endpoint, accounts["stranger"]) as stranger:
            assert code_of(stranger, DEPLOY) == DENIED
            stranger.execute(f"SET ROLE {role}")
            stranger.execute(DEPLOY)
            stranger.execute("SET ROLE NONE")
            assert stranger.execute(SHOW_ALL) == 0
    finally:
        with begin(source.parameters) as connection:
            connection.exec_driver_sql(f"DROP ROLE {role}")


def test_operators_may_be_named(source: Source, accounts: dict[str, str], endpoint: int) -> None:
    statements = Statements(source.parameters, operators=[accounts["reader"]])
    with served(Upstream("127.0.0.1", source.parameters.port, needs_tls=False), statements) as port:
        with connected(port, accounts["labeler"]) as labeler:
            assert code_of(labeler, DEPLOY) == OPERATORS_ONLY
            assert labeler.execute(SHOW_ALL) == 0
        with connected(port, accounts["reader"]) as reader:
            assert code_of(reader, DEPLOY) == DENIED


def test_results_in_a_table_of_their_own_are_asked_for_there(
    source: Source, accounts: dict[str, str], endpoint: int
) -> None:
    database, reader = source.parameters.database, accounts["reader"]
    call_command("create_tables", "--results", "results")
    deploy, drop = DEPLOY.replace("');", "', result_table = 'results');"), "/*polar4ai*/DROP DEPLOYMENT mark_animal"
    statements = Statements(source.parameters, operators=[reader])
    with (
        served(Upstream("127.0.0.1", source.parameters.port, needs_tls=False), statements) as port,
        connected(port, reader) as operator,
        connected(endpoint, accounts["labeler"]) as labeler,
    ):
        assert code_of(labeler, deploy) == OPERATORS_ONLY
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            assert code_of(operator, deploy) == DENIED, privilege
            source.execute(f"GRANT {privilege} ON {database}.results TO {reader}")
        operator.execute(deploy)
        # Who may change the rows may not change what does not go into them.
        assert code_of(labeler, drop) == DENIED
        assert labeler.execute(SHOW_ALL) == 1
        assert dict(zip(COLUMNS, labeler.fetchone(), strict=True))["password"] == "(hidden)"
        operator.execute(SHOW_ALL)
        assert len(dict(zip(COLUMNS, operator.fetchone(), strict=True))["password"]) == 20
        source.execute(f"REVOKE DELETE ON {database}.results FROM {reader}")
        assert code_of(operator, drop) == DENIED
        source.execute(f"GRANT DELETE ON {database}.results TO {reader}")
        operator.execute(drop)
    assert not Deployment.objects.exists()


def test_people_and_drivers_put_things_around_statements(endpoint: int, accounts: dict[str, str]) -> None:
    with connected(endpoint, accounts["labeler"], charset="gbk") as cursor:
        for statement in (
            "  /* DBeaver: 查询 */ -- by hand\n# and so\n/*POLAR4AI*/ show deployments like 'mark%'",
            "/* polar4ai */SHOW DEPLOYMENTS\\G",
            "\n\t/*polar4ai*/\nSHOW DEPLOYMENTS ;",
        ):
            assert cursor.execute(statement) == 0
            assert len(cursor.description) == len(COLUMNS)
        cursor.execute("/*polar4ai*/DROP DEPLOYMENT IF EXISTS mark_animal")
        assert code_of(cursor, "/*polar4ai*/DROP DEPLOYMENT `标注`") == WRONG_ARGUMENTS
        assert "`标注`" in StatementRecord.objects.order_by("-pk")[0].error  # and not what GBK is in another encoding
        assert code_of(cursor, "/*polar4ai*/DROP DEPLOYMENT nothing") == UNKNOWN
        assert code_of(cursor, "/*polar4ai*/SHOW DEPLOYMENT") == SYNTAX
        for foreign in ("SELECT '/*polar4ai*/SHOW DEPLOYMENTS'", "SELECT /*polar4ai*/ 1", "/*!50000 SELECT 2 */"):
            cursor.execute(foreign)
            assert len(cursor.fetchall()) == 1


def test_several_statements_at_once_are_refused_clearly(endpoint: int, accounts: dict[str, str]) -> None:
    with connected(endpoint, accounts["labeler"], client_flag=MySQLdb.constants.CLIENT.MULTI_STATEMENTS) as cursor:
        for batch in (f"SELECT 1; {DEPLOY}", f"SET @a = 1;\n{SHOW_ALL}", f"{SHOW_ALL}; {SHOW_ALL}"):
            with pytest.raises(MySQLdb.Error, match=r"one by one|by itself"):
                cursor.execute(batch)
        cursor.execute("SELECT @a; SELECT '; /*polar4ai*/'")
        assert cursor.fetchall() == ((None,),)
    assert not Deployment.objects.exists()


def test_statements_of_ours_can_be_prepared(endpoint: int, accounts: dict[str, str]) -> None:
    with MySQLClient(endpoint, accounts["labeler"]) as client:
        client.query(DEPLOY)
        show = client.prepare("/*polar4ai*/SHOW DEPLOYMENTS")
        theirs = client.prepare("SELECT 5")
        [row] = client.execute(show)
        assert b"mark_animal" in row
        assert len(client.execute(theirs)) == 1
        wrong = client.prepare("/*polar4ai*/SHOW NOTHING")
        with pytest.raises(Error) as failed:
            client.execute(wrong)
        assert failed.value.code == SYNTAX
        client.send(CLOSE + show.to_bytes(4, "little"))
        with pytest.raises(Error) as failed:
            client.execute(show)
        assert failed.value.code == 1243
        last = client.prepare("/*polar4ai*/SHOW DEPLOYMENTS")
        assert last != show
        client.socket.sendall(packet(PREPARE + SHOW_ALL.encode()) + packet(EXECUTE + b"\xff\xff\xff\xff\0\1\0\0\0"))
        assert client.read()[0] == 0  # prepared
        assert client.read() == bytes([len(COLUMNS)])


def test_who_sends_ahead_never_gets_the_wrong_answer(endpoint: int, accounts: dict[str, str]) -> None:
    ours, theirs = packet(QUERY + SHOW_ALL.encode()), packet(QUERY + b"SELECT 7")
    with MySQLClient(endpoint, accounts["labeler"]) as client:
        client.socket.sendall(ours + theirs + theirs)
        assert client.answer() == []
        assert client.answer() == client.answer() == [("7",)]
        client.socket.sendall(packet(QUERY + b"SELECT SLEEP(0.3), 8") + ours)
        with contextlib.suppress(EOFError, ConnectionError):
            assert client.answer() == [("0", "8")]
            assert client.answer() == []
    with MySQLClient(endpoint, accounts["labeler"]) as client:
        client.socket.sendall(packet(QUERY + b"SELECT nonsense") + ours)
        with pytest.raises((Error, EOFError, ConnectionError)):
            client.answer()
        with pytest.raises((EOFError, ConnectionError)):
            client.answer()


def test_a_session_is_left_as_it_is(endpoint: int, accounts: dict[str, str], source: Source) -> None:
    transactions = "SELECT COUNT(*) FROM information_schema.innodb_trx"
    with (
        MySQLClient(endpoint, accounts["labeler"], source.parameters.database) as client,
        MySQLClient(source.parameters.port) as root,
    ):
        client.query(DEPLOY)
        client.query("SET autocommit = 0, @mine = 5")
        assert root.query(transactions) == [("0",)]
        assert client.query(SHOW_ALL)
        client.query("/*polar4ai*/UPDATE WHITEIPS mark_animal WITH (ips='10.0.0.0/8')")
        assert root.query(transactions) == [("0",)]
        client.query(f"UPDATE {TABLE} SET original_name = 'other'")
        client.query(SHOW_ALL)
        client.query("ROLLBACK")
        assert client.query(f"SELECT DISTINCT original_name <> 'other', @mine FROM {TABLE}") == [("1", "5")]
        # The table is not locked against those who want to change it.
        root.query("SET lock_wait_timeout = 2")
        client.query("COMMIT")
        client.query(SHOW_ALL)
        root.query(f"ALTER TABLE {source.parameters.database}.{TABLE} COMMENT 'changed'")


def test_a_long_statement_holds_up_nobody_else(endpoint: int, accounts: dict[str, str], source: Source) -> None:
    """While a table is locked, DEPLOY waits; others' queries do not."""
    with (
        MySQLClient(source.parameters.port) as root,
        MySQLClient(endpoint, accounts["labeler"]) as client,
        MySQLClient(endpoint, accounts["labeler"]) as other,
    ):
        root.query(f"LOCK TABLES {source.parameters.database}.{TABLE} WRITE")
        client.send(QUERY + DEPLOY.encode())
        began = time.monotonic()
        assert all(other.query("SELECT 1") == [("1",)] for _ in range(100))
        assert time.monotonic() - began < 5
        root.query("UNLOCK TABLES")
        assert "is created" in client.answer()
    assert Deployment.objects.get().name == "mark_animal"
