"""MySQL clients through the endpoint: everything is as it is without it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import MySQLdb
import MySQLdb.cursors
import pytest
import sqlalchemy as sa

from dev.servers import MariaDB, free_port
from polardb_bridge.endpoint.session import Upstream
from polardb_bridge.endpoint.statements import Statements
from polardb_bridge.table.connection import begin
from polardb_bridge.table.parameters import ConnectionParameters
from support.endpoint import served
from support.hostile_server import HostileServer, silence
from support.mysql_client import PING, QUERY, Error, MySQLClient, packet
from support.proxy import Proxy

TYPES = """CREATE TABLE types (i INT, u BIGINT UNSIGNED, d DECIMAL(20,6), f DOUBLE, b BIT(9), y YEAR, dt DATE,
 t TIME(3), ts DATETIME(6), c CHAR(5), v VARCHAR(50), bl BLOB, tx LONGTEXT, e ENUM('x','y'), s SET('p','q'), j JSON)"""
ROW = """INSERT INTO types VALUES (-5, 18446744073709551615, 1.5, 2.25, b'101', 2024, '2024-02-29', '-10:00:00.125',
 '2024-01-02 03:04:05.678901', 'ab', '标注', x'00ff', 'long', 'y', 'p,q', '{"a": 1}'), (NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"""


@pytest.fixture
def account(database: ConnectionParameters) -> Iterator[ConnectionParameters]:
    """One of the database's, with a password."""
    name = f"u_{database.database}"
    with begin(database) as connection:
        connection.exec_driver_sql(TYPES)
        connection.exec_driver_sql(ROW.replace("%", "%%"))
        connection.exec_driver_sql(f"CREATE USER {name} IDENTIFIED BY 'pässword-1'")
        connection.exec_driver_sql(f"GRANT ALL ON {database.database}.* TO {name}")
    yield ConnectionParameters(database.host, database.database, name, "pässword-1", database.port)
    with begin(database) as connection:
        connection.exec_driver_sql(f"DROP USER {name}")


@pytest.fixture
def endpoint(database: ConnectionParameters) -> Iterator[int]:
    with served(Upstream("127.0.0.1", database.port, needs_tls=False), Statements(database)) as port:
        yield port


def login(account: ConnectionParameters, port: int, **options: Any) -> Any:
    return MySQLdb.connect(
        host="127.0.0.1",
        port=port,
        user=account.user,
        database=account.database,
        connect_timeout=20,
        **{"password": account.password, "charset": "utf8mb4", "ssl_mode": "DISABLED", **options},
    )


@contextlib.contextmanager
def cursor(account: ConnectionParameters, port: int, **options: Any) -> Iterator[Any]:
    with contextlib.closing(login(account, port, **options)) as connection:
        yield connection.cursor()


def outcome(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except MySQLdb.Error as error:
        return type(error).__name__, error.args


def types(account: ConnectionParameters, port: int) -> Any:
    with cursor(account, port) as found:
        found.execute("SELECT * FROM types")
        return found.description, found.description_flags, found.fetchall()


def errors(account: ConnectionParameters, port: int) -> Any:
    statements = (
        *("SELECT * FROM nope", "SELEC 1", "INSERT INTO types (nope) VALUES (1)", "SELECT * FROM mysql.user"),
        *("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'boom', MYSQL_ERRNO = 31001", "", "SELECT 1; SELECT 2"),
    )
    with cursor(account, port) as found:
        return [outcome(lambda text=text: found.execute(text)) for text in statements]


def warnings(account: ConnectionParameters, port: int) -> Any:
    with cursor(account, port) as found:
        found.execute("SELECT CAST('abc' AS SIGNED)")
        count = found.connection.warning_count()
        found.execute("SHOW WARNINGS")
        return count, found.fetchall()


def several_results(account: ConnectionParameters, port: int) -> Any:
    with cursor(account, port, client_flag=MySQLdb.constants.CLIENT.MULTI_STATEMENTS) as found:
        found.execute("SELECT 1; SELECT 2, 3; SET @a = 5; SELECT @a")
        results = [found.fetchall()]
        while found.nextset():
            results.append(found.fetchall())
        found.execute("CREATE PROCEDURE pair(IN a INT) BEGIN SELECT a; SELECT a + 1, 'x'; END")
        found.callproc("pair", (4,))
        results.append(found.fetchall())
        while found.nextset():
            results.append(found.fetchall())
        found.execute("DROP PROCEDURE pair")
        return results


def writes(account: ConnectionParameters, port: int) -> Any:
    with contextlib.closing(login(account, port)) as connection:
        found = connection.cursor()
        found.execute("CREATE TEMPORARY TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9) UNIQUE)")
        told = [found.execute("INSERT INTO w (v) VALUES ('a'), ('b'), ('c')"), found.lastrowid, connection.info()]
        told += [found.execute("UPDATE w SET v = CONCAT(v, 'x')"), connection.info()]
        connection.rollback()
        told += [found.execute("SELECT * FROM w"), found.fetchall(), connection.get_autocommit()]
        return told


def large_values(account: ConnectionParameters, port: int) -> Any:
    """In packets that go on in another one, in both directions."""
    with cursor(account, port) as found:
        size = 2**24 - 1 - len("SELECT LENGTH(''), 1") - 1
        told = []
        for length in (size - 1, size, size + 1, 2**24 + 10_000):
            told.append(outcome(lambda length=length: found.execute(f"SELECT LENGTH('{'z' * length}'), 1")))
            told += [found.fetchall() if told[-1] == 1 else None]
            if told[-2] != 1:
                break  # larger than max_allowed_packet: the server has closed
    with cursor(account, port) as found:
        found.execute("SELECT REPEAT('q', 16000000), REPEAT('z', 15000000)")
        return told, [hashlib.md5(value.encode()).hexdigest() for value in found.fetchall()[0]]  # noqa: S324


def many_rows(account: ConnectionParameters, port: int) -> Any:
    count = "SELECT a.n * 400 + b.n, REPEAT('r', b.n) FROM k a JOIN k b ORDER BY 1"
    numbers = "WITH RECURSIVE k AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM k WHERE n < 399) "
    with cursor(account, port, cursorclass=MySQLdb.cursors.SSCursor) as found:
        found.execute(numbers + count)
        digest = hashlib.sha256()
        for row in found:
            digest.update(repr(row).encode())
        return digest.hexdigest(), found.rownumber


def other_character_set(account: ConnectionParameters, port: int) -> Any:
    with cursor(account, port, charset="gbk") as found:
        found.execute("SELECT %s, HEX(%s)", ("汉字", "汉字"))
        return found.fetchall()


def another_user(account: ConnectionParameters, port: int) -> Any:
    with contextlib.closing(login(account, port)) as connection:
        connection.cursor().execute("SET @mine = 1")
        connection.change_user(account.user, account.password, "information_schema")
        found = connection.cursor()
        found.execute("SELECT CURRENT_USER(), DATABASE(), @mine")
        told = [found.fetchall(), outcome(lambda: connection.change_user(account.user, "wrong", account.database))]
        return told, outcome(connection.ping)


def local_file(account: ConnectionParameters, port: int) -> Any:
    """Of blocks that each look like a statement; their numbers begin anew in between."""
    block = QUERY + b"/*polar4ai*/DROP DEPLOYMENT `mark_animal`"
    file = Path(os.environ["TEST_FOLDER"], "rows.txt")
    file.write_bytes((block + b"x" * (16383 - len(block)) + b"\n") * 600)
    with contextlib.closing(login(account, port, local_infile=1)) as connection:
        found = connection.cursor()
        found.execute("CREATE TEMPORARY TABLE f (line LONGBLOB)")
        told = outcome(lambda: found.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE f CHARACTER SET binary"))
        found.execute("SELECT COUNT(*), SUM(LENGTH(line)) FROM f")
        return told, found.fetchall()


def killed_statement(account: ConnectionParameters, port: int) -> Any:
    with contextlib.closing(login(account, port)) as connection, cursor(account, port) as killer:
        told: list[Any] = []
        number = connection.thread_id()
        slow = threading.Thread(
            target=lambda: told.append(outcome(lambda: connection.cursor().execute("SELECT SLEEP(9) FROM types")))
        )
        slow.start()
        wait_for = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"
        while not killer.execute(wait_for) or killer.fetchall() == ((0,),):
            time.sleep(0.02)
        killer.execute(f"KILL QUERY {number}")
        slow.join()
        return told


def reflection(account: ConnectionParameters, port: int) -> Any:
    url = sa.URL.create(
        "mysql+mysqldb", account.user, account.password, "127.0.0.1", port, account.database, {"ssl_mode": "DISABLED"}
    )
    engine = sa.create_engine(url)
    table = sa.Table("types", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        rows = connection.execute(sa.select(table.c.i, table.c.v).where(table.c.i < sa.bindparam("x")), {"x": 5}).all()
    names = sa.inspect(engine).get_table_names()
    engine.dispose()
    return [(column.name, str(column.type)) for column in table.columns], rows, names


BATTERY = (
    types, errors, warnings, several_results, writes, large_values, many_rows, other_character_set, another_user,
    local_file, killed_statement, reflection,
)  # fmt: skip


@pytest.mark.parametrize("ask", BATTERY, ids=lambda ask: ask.__name__)
def test_a_driver_gets_the_same_through_the_endpoint(
    ask: Callable[[ConnectionParameters, int], Any],
    account: ConnectionParameters,
    endpoint: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_FOLDER", str(tmp_path))
    direct = ask(account, account.port)
    assert ask(account, endpoint) == direct


def test_a_wrong_password_is_refused_by_the_database(account: ConnectionParameters, endpoint: int) -> None:
    direct, through = (
        outcome(lambda port=port: login(account, port, password="wrong")) for port in (account.port, endpoint)
    )
    assert direct == through
    assert direct[1][0] == 1045


def test_prepared_statements_pass_through(database: ConnectionParameters, endpoint: int) -> None:
    def ask(port: int) -> Any:
        with MySQLClient(port, database=database.database) as client:
            number = client.prepare("SELECT 7, 'x'")
            rows = client.execute(number)
            client.send(PING)
            return rows, client.read()[0]

    assert ask(endpoint) == ask(database.port)


def test_what_is_sent_ahead_is_answered_in_order(database: ConnectionParameters, endpoint: int) -> None:
    with MySQLClient(endpoint) as client:
        client.socket.sendall(b"".join(packet(QUERY + f"SELECT {n}".encode()) for n in range(200)))
        assert [client.answer() for _ in range(200)] == [[(str(n),)] for n in range(200)]


def test_packets_may_come_byte_by_byte(database: ConnectionParameters, endpoint: int) -> None:
    with MySQLClient(endpoint) as client:
        for byte in packet(QUERY + b"SELECT 'in small pieces'"):
            client.socket.sendall(bytes([byte]))
        assert client.answer() == [("in small pieces",)]


def test_compression_is_not_offered(database: ConnectionParameters, endpoint: int) -> None:
    with MySQLClient(database.port) as direct, MySQLClient(endpoint) as through:
        offered = [
            int.from_bytes(greeting[(at := greeting.index(b"\0", 1) + 14) : at + 2], "little")
            for greeting in (direct.greeting, through.greeting)
        ]
    compress, tls = 0x20, 0x800
    assert offered[0] & compress
    assert offered[1] == offered[0] & ~(compress | tls)


def test_one_client_too_many_is_told_so(mariadb: MariaDB) -> None:
    with served(Upstream("127.0.0.1", mariadb.port, needs_tls=False), max_sessions=1) as port:
        with MySQLClient(port):
            with pytest.raises(MySQLdb.OperationalError) as refused:
                MySQLdb.connect(host="127.0.0.1", port=port, user="root")
            assert refused.value.args == (1040, "Too many connections")
        wait_until(lambda: lets_in(port))


def test_clients_are_told_that_the_database_is_down() -> None:
    with (
        served(Upstream("127.0.0.1", free_port(), needs_tls=False)) as port,
        pytest.raises(MySQLdb.OperationalError, match=r"Can't connect to MySQL server on '127") as refused,
    ):
        MySQLdb.connect(host="127.0.0.1", port=port, user="root")
    assert refused.value.args[0] == 1429


def test_a_database_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polardb_bridge.endpoint.session.LOGIN_TIMEOUT_S", 0.5)
    server = HostileServer(talk=silence)
    try:
        with served(Upstream("127.0.0.1", server.port, needs_tls=False)) as port:
            client = socket.create_connection(("127.0.0.1", port), 10)
            assert client.recv(1) == b""
            client.close()
    finally:
        server.stop()


def test_a_client_that_never_logs_in_is_given_up(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polardb_bridge.endpoint.session.LOGIN_TIMEOUT_S", 0.5)
    with served(Upstream("127.0.0.1", mariadb.port, needs_tls=False)) as port:
        client = socket.create_connection(("127.0.0.1", port), 10)
        while client.recv(4096):
            pass
        client.close()


def test_sessions_end_with_the_connection_to_the_database(mariadb: MariaDB) -> None:
    with (
        Proxy(mariadb.port) as between,
        served(Upstream("127.0.0.1", between.port, needs_tls=False)) as port,
        MySQLClient(port) as client,
    ):
        assert client.query("SELECT 1") == [("1",)]
        between.cut_all()
        with pytest.raises((EOFError, ConnectionError)):
            client.read()


def test_a_client_that_goes_leaves_no_session_behind(database: ConnectionParameters, endpoint: int) -> None:
    with MySQLClient(endpoint) as client:
        rows = client.query("SELECT CONNECTION_ID()")
        assert not isinstance(rows, str)
        number = rows[0][0]
    with MySQLClient(database.port) as other:
        wait_until(lambda: other.query(f"SELECT 1 FROM information_schema.processlist WHERE id = {number}") == [])


def test_a_slow_reader_has_the_database_wait(mariadb: MariaDB) -> None:
    """Memory stays flat: of 200 MB, what nobody reads yet stays at the server."""
    before = resident_mb()
    with (
        served(Upstream("127.0.0.1", mariadb.port, needs_tls=False)) as port,
        MySQLClient(port, database="mysql") as client,
        MySQLClient(mariadb.port) as other,
    ):
        client.query("SET net_write_timeout = 100")
        client.send(QUERY + b"SELECT REPEAT('x', 1000000) FROM seq_1_to_200")
        wait_until(lambda: "Writing to net" in str(other.query("SHOW PROCESSLIST")))
        time.sleep(0.5)
        assert resident_mb() - before < 30
        rows = client.answer()
    assert len(rows) == 200
    assert set(map(len, (row[0] for row in rows if not isinstance(row, str) and row[0]))) == {1_000_000}


def lets_in(port: int) -> bool:
    try:
        MySQLClient(port).socket.close()
    except Error:
        return False
    return True


def resident_mb() -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_frames_of_nonsense_never_reach_further_than_the_database(endpoint: int) -> None:
    for data in (b"", b"\0", b"\xff" * 40, b"\x01\0\0\x01\x00", b"\0\0\0\x01", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 5000):
        with socket.create_connection(("127.0.0.1", endpoint), 20) as client:
            client.recv(4)
            with contextlib.suppress(OSError):  # closed while something was unread
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
    with MySQLClient(endpoint) as client:
        assert client.query("SELECT 1") == [("1",)]


def test_the_command_lets_running_statements_finish(mariadb: MariaDB, tmp_path: Path) -> None:
    port = free_port()
    variables = {"POLARDB_URL": mariadb.url("mysql"), "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "polardb_bridge", "manage", "serve_mysql", "--insecure", "--port", str(port)]
    with subprocess.Popen(
        command,
        env={**os.environ, **variables, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == f"MySQL clients of 127.0.0.1:{mariadb.port}: 127.0.0.1:{port}\n"
            with MySQLClient(port) as client:
                client.send(QUERY + b"SELECT SLEEP(3)")
                with MySQLClient(mariadb.port) as other:
                    wait_until(lambda: "SLEEP(3)" in str(other.query("SHOW PROCESSLIST")))
                process.send_signal(signal.SIGTERM)
                wait_until(lambda: isinstance(outcome_of_connecting(port), OSError))
                assert client.answer() == [("0",)]
            assert process.wait(20) == 0
        finally:
            process.kill()


def outcome_of_connecting(port: int) -> OSError | None:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError as error:
        return error
    return None


def test_an_error_of_the_database_at_the_door_is_passed_on(mariadb: MariaDB) -> None:
    with served(Upstream("127.0.0.1", mariadb.port, needs_tls=False)) as port, pytest.raises(Error) as refused:
        MySQLClient(port, user="nobody")
    assert refused.value.code == 1045
