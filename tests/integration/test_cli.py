"""`polardb-bridge` as a shell runs it: in a process of its own, with its own settings."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.servers import free_port

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run it in an empty folder, with what the environment needs to be different."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DJANGO_SETTINGS_MODULE", "POLARDB_ALLOWED_HOSTS")
        }
        return subprocess.run(
            [sys.executable, "-m", "polardb_bridge", *arguments],
            env={**environment, "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "data"), **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_manage_check_finds_our_settings(run: Run) -> None:
    done = run("manage", "check")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
    older = run("manage", "check", FRONTEND_SENTRY_ENVIRONMENT="another")
    assert "polardb_bridge.W001" in older.stderr


def test_manage_lists_our_commands_beside_label_studios(run: Run) -> None:
    done = run("manage", "help")
    assert done.returncode == 0, done.stderr
    assert "Type 'polardb-bridge manage help <subcommand>'" in done.stdout
    assert "provision_project" in done.stdout
    assert "locked_migrate" in done.stdout


def test_a_command_that_fails_is_one_line(run: Run) -> None:
    done = run("manage", "create_tables", "--source", "animals")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("CommandError: POLARDB_URL is not set")
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_one_line(run: Run) -> None:
    done = run("manage", "check", POLARDB_RECONCILE_MINUTES="often")
    assert done.returncode == 1
    assert done.stderr.startswith("POLARDB_RECONCILE_MINUTES: ")
    assert done.stderr.count("\n") == 1


def test_a_wrong_database_url_keeps_no_server_from_starting(run: Run) -> None:
    done = run("manage", "check", POLARDB_URL="mysql://u:hunter2#@h/db")
    assert done.returncode == 0
    assert "polardb_bridge.W002) POLARDB_URL: The database URL has a character" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_label_studios_database_being_away_is_one_line(run: Run) -> None:
    away = {"DJANGO_DB": "default", "POSTGRE_HOST": "127.0.0.1", "POSTGRE_PORT": str(free_port())}
    done = run("start", "--port", str(free_port()), **away)
    assert done.returncode == 1
    # What Label Studio's dependencies think of an old Python comes before it.
    assert done.stderr.splitlines()[-1].startswith("Label Studio's own database cannot be used: ")
    assert "Traceback" not in done.stderr
