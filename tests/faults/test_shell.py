"""`polar4ai` in a terminal: a small shell, as the mysql client is one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.management.shell.history import NAME
from polardb_bridge.table.connection import WORK_TIME_LIMIT_S
from support.hostile_server import freeze, hostile_server
from support.source_data import Source, url_of
from support.statements import DEPLOY
from support.terminal import CTRL_C, CTRL_D, DEADLINE_S, TAB, UP, Terminal, terminal


class Shell:
    """Types statements when it is asked for them."""

    def __init__(self, person: Terminal) -> None:
        self.person = person

    def type(self, text: str) -> None:
        """At the prompt: what is typed before it would be the terminal's, Ctrl-C a signal."""
        self.person.read_until("\npolar4ai>")
        self.person.type(text)

    def read_until(self, expected: str) -> str:
        return self.person.read_until(expected)

    def end(self, text: str) -> None:
        self.type(text)
        self.read_until("Bye")
        assert self.person.end() == 0
        assert "Traceback" not in self.person.said


@contextmanager
def shell(environment: dict[str, str], home: Path, url: str) -> Iterator[Shell]:
    with terminal({**environment, "HOME": str(home), "POLARDB_URL": url}, "polar4ai") as opened:
        yield Shell(opened)


def test_statements_are_typed_one_after_another(
    environment: dict[str, str], source: Source, user: Any, tmp_path: Path
) -> None:
    with shell(environment, tmp_path, url_of(source.parameters)) as polar4ai:
        polar4ai.type(f"{DEPLOY}\r")
        polar4ai.read_until("Deployment mark_animal is created.")
        polar4ai.type("SHOW DEPLOYMENTS LIKE 'a%';\r")
        polar4ai.read_until("Empty set (")
        # Over several lines, with a name that Tab completes; the quote that is open stands before the second line.
        polar4ai.type(f"update whiteips mo{TAB} with (ips = '10.0.0.1,\r")
        polar4ai.read_until("\n       '>")
        polar4ai.person.type("10.0.0.2');\r")
        polar4ai.read_until("Deployment mark_animal is open to 10.0.0.1,10.0.0.2.")
        polar4ai.type("SHOW WHITEIPS mark_animal\\G\r")
        polar4ai.read_until("1. row ***************************\nwhite_ip_name: model_mark_animal\n")
        polar4ai.read_until("1 row in set (")
        # What fails is told with its place, and stops neither the shell nor what was typed after it.
        polar4ai.type("DEPLOY MODEL ab WIT (a=1); SHOW WHITEIPS mark_animal;\r")
        said = polar4ai.read_until("| model_mark_animal |")
        assert "ERROR 1064 (42000)" in said
        assert "line 1 column 17: expected WITH" in said
        polar4ai.type("SHOW DEPLOYMENT 'cars' /* password = 'hunter2' */;\r")
        polar4ai.read_until("ERROR 1305 (42000): There is no deployment 'cars'.")
        polar4ai.type(f"this is dropped{CTRL_C}")
        polar4ai.type("help\r")
        polar4ai.read_until("DROP DEPLOYMENT [IF EXISTS] `name`")
        polar4ai.end(CTRL_D)
    kept = (tmp_path / NAME).read_text()
    assert "update whiteips model_mark_animal" in kept
    assert "hunter2" not in kept
    assert "dropped" not in kept
    assert {record.via for record in StatementRecord.objects.all()} == {"command"}
    assert "hunter2" not in str(list(StatementRecord.objects.values_list("statement", "error")))

    with shell(environment, tmp_path, url_of(source.parameters)) as polar4ai:
        # Past help, DEPLOY and SHOW, and what ends in \G.
        polar4ai.type(f"{UP * 4}\r")
        polar4ai.read_until("Deployment mark_animal is open to 10.0.0.1,10.0.0.2.")
        polar4ai.end("exit\r")


# Among the long ones: where both cores are busy, the connection alone can take its five seconds, and Ctrl-C comes late.
@pytest.mark.long
def test_ctrl_c_interrupts_a_statement_while_the_server_says_nothing(
    environment: dict[str, str], user: Any, tmp_path: Path
) -> None:
    with (
        hostile_server(talk=freeze) as server,
        shell(environment, tmp_path, f"mysql://u:p@127.0.0.1:{server.port}/db") as polar4ai,
    ):
        polar4ai.type(f"{DEPLOY}\r")
        # One connection for the names that Tab completes, one for the statement.
        deadline = time.monotonic() + DEADLINE_S
        while not (server.connections > 1 and StatementRecord.objects.exists()):
            assert time.monotonic() < deadline, polar4ai.person.said
            time.sleep(0.05)
        began = time.monotonic()
        polar4ai.person.type(CTRL_C)
        polar4ai.read_until("ERROR 1317 (70100): Query execution was interrupted")
        # The server would be given up after a minute.
        assert time.monotonic() - began < WORK_TIME_LIMIT_S / 2
        polar4ai.type("SHOW DEPLOYMENTS;\r")
        polar4ai.read_until("Empty set (")
        polar4ai.end("quit;\r")
    assert not Deployment.objects.exists()
