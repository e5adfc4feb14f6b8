"""Statements from a shell: `manage.py polar4ai`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from polardb_bridge.deployments.models import StatementRecord
from support.source_data import Source
from support.statements import COLUMNS, DEPLOY, DOCUMENTED

pytestmark = pytest.mark.usefixtures("commands_database")


@pytest.fixture
def shell(db: None, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command; its exit code, what it printed, and what it complained about."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            call_command("polar4ai", *arguments)
        except SystemExit as stopped:
            return (int(stopped.code or 0), *capsys.readouterr())
        return (0, *capsys.readouterr())

    return run


def test_the_shell_shows_tables_as_the_mysql_client_does(
    source: Source, shell: Callable[..., tuple[int, str, str]]
) -> None:
    assert shell("SHOW DEPLOYMENTS", "--table") == (0, "Empty set\n", "")
    statements = f"{DEPLOY} UPDATE WHITEIPS mark_animal WITH (ips='10.0.0.1'); SHOW WHITEIPS mark_animal"
    code, output, _ = shell(statements, "--table")
    assert code == 0
    assert output.splitlines()[1].startswith("Warning: Column 'annotation_count' has no default")
    assert output.splitlines()[2:] == [
        "Deployment mark_animal is open to 10.0.0.1.",
        "+-------------------+----------+",
        "| white_ip_name     | ips      |",
        "+-------------------+----------+",
        "| model_mark_animal | 10.0.0.1 |",
        "+-------------------+----------+",
        "1 row in set",
    ]
    for arguments in (["SHOW WHITEIPS mark_animal\\G"], ["SHOW WHITEIPS mark_animal;", "--vertical"]):
        assert shell(*arguments)[1].splitlines() == [
            "*************************** 1. row ***************************",
            "white_ip_name: model_mark_animal",
            "          ips: 10.0.0.1",
            "1 row in set",
        ]
    assert {record.via for record in StatementRecord.objects.all()} == {"command"}
    assert StatementRecord.objects.latest("pk").user_name


def test_programs_get_tabs_as_from_the_mysql_client(source: Source, shell: Callable[..., tuple[int, str, str]]) -> None:
    assert shell("SHOW DEPLOYMENTS") == (0, "", "")
    shell(f"{DEPLOY} UPDATE WHITEIPS mark_animal WITH (ips='10.0.0.1')")
    assert shell("SHOW WHITEIPS mark_animal") == (0, "white_ip_name\tips\nmodel_mark_animal\t10.0.0.1\n", "")
    vertical = "1. row ***************************\nwhite_ip_name: model_mark_animal"
    output = shell("SHOW WHITEIPS mark_animal\\G\nSHOW WHITEIPS mark_animal;\nSHOW WHITEIPS mark_animal\\G\n")[1]
    assert output.count(vertical) == 2
    assert output.count("model_mark_animal\t10.0.0.1") == 1


def test_the_shell_reads_files_and_standard_input(
    source: Source, shell: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "deploy.sql"
    script.write_bytes(b"\xef\xbb\xbf-- \xe5\x8a\xa8\xe7\x89\xa9\r\n" + DOCUMENTED.replace("\n", "\r\n").encode())
    code, output, complaint = shell("--file", str(script), "--json")
    assert (code, complaint) == (0, "")
    results = json.loads(output)["results"]
    assert len(results) == 6
    assert results[1]["columns"] == list(COLUMNS)
    assert len(results[1]["rows"][0][COLUMNS.index("password")]) == 20
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SHOW DEPLOYMENTS;\n")))
    assert (
        shell("--json")[1]
        == '{"results": [{"columns": ["deployment_name", '
        + shell("SHOW DEPLOYMENTS", "--json")[1].partition('"deployment_name", ')[2]
    )
    script.write_bytes("SHOW DEPLOYMENTS".encode("utf-16"))
    with pytest.raises(CommandError, match="not text in UTF-8: byte 1"):
        shell("--file", str(script))
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        shell("--file", str(tmp_path / "missing.sql"))


def test_the_shell_fails_with_the_error_and_says_what_ran(
    source: Source, shell: Callable[..., tuple[int, str, str]]
) -> None:
    assert shell("DEPLOY MODEL ab WIT (a=1)") == (
        1,
        "",
        "ERROR 1064 (42000): You have an error in your SQL syntax near 'WIT (a=1)', line 1 column 17: expected WITH\n",
    )
    code, output, complaint = shell("SHOW DEPLOYMENTS; SHOW DEPLOYMENT cars; SHOW DEPLOYMENTS")
    assert (code, output) == (1, "")
    assert complaint.startswith("ERROR 1305 (42000): There is no deployment 'cars'.")
    assert complaint.endswith("\nIt is statement 2; 1 of those before it was run.\n")
    code, output, complaint = shell("SHOW DEPLOYMENTS; SHOW TABLES", "--json")
    assert code == 1
    assert complaint.endswith("\nIt is statement 2; none of those before it were run.\n")
    answer = json.loads(output)
    assert answer["message"] in complaint
    assert {name: answer[name] for name in ("code", "sqlstate", "line", "column", "statement", "results")} == {
        "code": 1064, "sqlstate": "42000", "line": 1, "column": 24, "statement": 2, "results": [],
    }  # fmt: skip


def test_help_teaches_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command("polar4ai", "--help")
    assert 'Example: polar4ai "SHOW DEPLOYMENTS"' in " ".join(capsys.readouterr().out.split())
