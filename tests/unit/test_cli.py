"""The command line of `polardb-bridge`: its options, and one line for what goes wrong."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from polardb_bridge import __version__, cli
from polardb_bridge.demo import servers
from polardb_bridge.serving import Address, gunicorn_command
from support.command_line import failure, own_environment


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    with own_environment():
        yield


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_defaults() -> None:
    options = cli.parse(["start"])
    assert (options.bind, options.port, options.workers, options.threads) == ("127.0.0.1", 8080, 2, 8)
    assert str(cli.parse(["demo"]).folder) == ".demo"


def test_the_environment_gives_defaults_and_options_replace_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PORT", "9001"), ("WEB_CONCURRENCY", "3"), ("THREADS", "5")):
        monkeypatch.setenv(name, value)
    options = cli.parse(["start", "--threads", "7"])
    assert (options.port, options.workers, options.threads) == (9001, 3, 7)


def test_empty_variables_count_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert cli.parse(["demo"]).port == 8080


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "８０"])
def test_a_wrong_port_is_a_usage_error(
    port: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--port" in usage_error(capsys, "start", "--port", port)
    monkeypatch.setenv("PORT", port)
    assert "--port" in usage_error(capsys, "start")


@pytest.mark.parametrize("arguments", [(), ("serve",), ("start", "--workers", "0"), ("start", "--folder", "x")])
def test_a_wrong_command_line_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert usage_error(capsys, *arguments).startswith("usage: polardb-bridge")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"polardb-bridge {__version__}\n"


def test_options_after_manage_are_djangos(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["manage", "--version"]) == 0
    assert capsys.readouterr().out.startswith("5.")


@pytest.mark.parametrize("command", ["start", "demo"])
def test_a_busy_port_is_said_before_anything_is_made(
    command: str, busy_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = failure(capsys, command, "--port", str(busy_port))
    assert code == 1
    assert f"127.0.0.1:{busy_port}: address already in use" in said
    assert f"--port {busy_port + 1}" in said
    assert list(tmp_path.iterdir()) == []


def test_an_address_of_another_machine_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = failure(capsys, "start", "--bind", "192.0.2.1")
    assert code == 1
    assert said.startswith("Cannot listen on 192.0.2.1:8080")
    assert "--bind" in said


def test_addresses() -> None:
    assert str(Address("::1", 80)) == "[::1]:80"
    assert str(Address("0.0.0.0", 80).local) == "localhost:80"  # noqa: S104  # nothing is bound
    assert str(Address("192.0.2.1", 80).local) == "192.0.2.1:80"
    command = gunicorn_command(Address("::", 80), workers=3, threads=4)
    assert command[command.index("--bind") + 1] == "[::]:80"
    assert int(command[command.index("--keep-alive") + 1]) > 60, "proxies close idle connections first"


def program(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with no settings loaded; variables: on top of the environment."""
    return subprocess.run(
        [sys.executable, "-c", "import sys; from polardb_bridge.cli import main; sys.exit(main())", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "POLARDB_URL": "", **variables},
    )


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["start"], {"DJANGO_SETTINGS_MODULE": "no_such_module"}, "DJANGO_SETTINGS_MODULE: no_such_module cannot be"),
        (["manage", "migrate"], {"DJANGO_SETTINGS_MODULE": ".module"}, "DJANGO_SETTINGS_MODULE: .module cannot be"),
        (["manage", "migrate"], {"DJANGO_SETTINGS_MODULE": "", "DJANGO_DB": "oracle"}, "DJANGO_DB names no database"),
        (
            ["manage", "check_storage", "--storage-id", "1"],
            {"DJANGO_SETTINGS_MODULE": " "},
            "CommandError: Label Studio's own database is not up to",
        ),
    ],
)
def test_an_environment_that_does_not_fit_is_one_line(
    arguments: list[str], variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    port = str(servers.free_port())
    database = {"DJANGO_DB": "sqlite", "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path), "PORT": port}
    done = program(*arguments, **{**database, **variables})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(said)
    assert "Traceback" not in done.stderr
