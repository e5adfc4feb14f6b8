"""The command line of `polardb-bridge`: its options, and one line for what goes wrong."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from polardb_bridge import __version__, cli
from polardb_bridge.demo import demo, servers
from polardb_bridge.serving import Address, gunicorn_command


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "WEB_CONCURRENCY", "THREADS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code, and what the command said about it."""
    code = cli.main(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return code, captured.err


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


def test_a_demo_leaves_folders_with_other_things_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    code, said = failure(capsys, "demo", "--folder", str(tmp_path), "--port", str(servers.free_port()))
    assert code == 1
    assert "holds something else" in said
    code, said = failure(capsys, "demo", "--folder", str(tmp_path), "--remove")
    assert code == 1
    assert "was not created by the demo" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["", "[]", '{"user": "a"}', "not json"])
def test_other_accounts_do_not_make_a_folder_a_demos(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "accounts.json").write_text(text)
    code, _ = failure(capsys, "demo", "--folder", str(tmp_path), "--remove")
    assert code == 1
    assert (tmp_path / "accounts.json").exists()


@pytest.fixture
def stopped_demo(tmp_path: Path) -> Path:
    """The folder of a demo that does not run."""
    folder = tmp_path / ".demo"
    (folder / "mariadb" / "data").mkdir(parents=True)
    demo.Accounts.make(folder)
    return folder


def test_removing_a_demo_deletes_its_folder(stopped_demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--folder", str(stopped_demo), "--remove"]) == 0
    assert not stopped_demo.exists()
    assert cli.main(["demo", "--folder", str(stopped_demo), "--remove"]) == 0
    assert f"There is no {stopped_demo}." in capsys.readouterr().out


def test_removing_a_demo_keeps_what_is_not_its_own(
    stopped_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.jpg").touch()
    (stopped_demo / "label-studio").symlink_to(outside)
    (stopped_demo / "notes.txt").touch()
    assert cli.main(["demo", "--folder", str(stopped_demo), "--remove"]) == 0
    assert [path.name for path in stopped_demo.iterdir()] == ["notes.txt"]
    assert (outside / "photo.jpg").exists()


def test_a_demo_that_runs_cannot_be_removed_or_started_again(
    stopped_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with demo._own(stopped_demo):
        for arguments in (("--remove",), ("--port", str(servers.free_port()))):
            code, said = failure(capsys, "demo", "--folder", str(stopped_demo), *arguments)
            assert code == 1
            assert "is running" in said
    assert (stopped_demo / "mariadb").exists()


def test_accounts_are_kept_and_only_for_this_user(tmp_path: Path) -> None:
    made = demo.Accounts.make(tmp_path)
    assert demo.Accounts.read(tmp_path) == made
    assert json.loads((tmp_path / "accounts.json").read_text())["user"] == "demo@example.com"
    assert (tmp_path / "accounts.json").stat().st_mode & 0o777 == 0o600


def test_a_missing_mariadb_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("POLARDB_URL", raising=False)
    monkeypatch.setattr(servers, "ADMINISTRATORS_FOLDERS", ())
    code = cli.main(["demo", "--folder", str(tmp_path / "demo"), "--port", str(servers.free_port())])
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("mariadb-install-db is not installed. Install MariaDB (Debian, Ubuntu: apt install")
    assert "POLARDB_URL" in said
    assert said.count("\n") == 1


def test_a_demo_has_a_label_studio_of_its_own_whatever_the_shell_is_set_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "LABEL_STUDIO_DATABASE_NAME", "LABEL_STUDIO_HOST", "HEARTEX_DJANGO_DB", "REDIS_URL"):
        monkeypatch.setenv(name, "of the production site")
    for name in ("DJANGO_SETTINGS_MODULE", "DJANGO_DB", "LABEL_STUDIO_BASE_DATA_DIR", "POLARDB_URL", "PORT"):
        monkeypatch.setenv(name, "is set back after the test")
    url = "mysql://me:it's@h/db"
    demo.use_environment(tmp_path, url, Address("127.0.0.1", 8081))
    assert "of the production site" not in os.environ.values()
    assert os.environ["DJANGO_DB"] == "sqlite"
    kept = tmp_path / "environment"
    assert kept.stat().st_mode & 0o777 == 0o600
    shell = subprocess.run(
        ["sh", "-c", f'. {kept}; printf %s "$POLARDB_URL"'], capture_output=True, text=True, check=True
    )
    assert shell.stdout == url
