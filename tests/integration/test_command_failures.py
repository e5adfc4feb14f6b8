"""Every command in a wrong environment: one line that says what to do, and never a traceback or a password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import polardb_bridge
from dev.servers import free_port

COMMANDS = {
    "check_storage": ["--storage-id", "1"],
    "inspect_table": ["products"],
    "create_tables": [],
    "deliver_writebacks": [],
    "ensure_superuser": [],
    "load_images": [".", "--table", "t"],
    "move_database": ["--from", "a", "--to", "b"],
    "polar4ai": ["SHOW DEPLOYMENTS"],
    "provision_project": ["--template", "1", "--source", "t"],
    "reconcile_writebacks": [],
    "serve_mysql": ["--port", "1", "--host", "192.0.2.1", "--insecure"],
    "sync_storage": ["--storage-id", "1"],
}
# They change the environment of their process: last, and only where they fail.
START = {"start": ["start"]}
DEMO = {"demo": ["demo", "--folder", "demo"]}
ASK_POLARDB = {"create_tables", "inspect_table", "load_images"}
# All in one process: loading Label Studio takes seconds.
WALK = """
import contextlib, io, json, sys
from polardb_bridge.cli import main
said = {}
for name, arguments in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as complaint:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
    said[name] = (code, complaint.getvalue())
print(json.dumps(said))
"""


def walk(folder: Path, programs: Mapping[str, list[str]] | None = None, **variables: str) -> dict[str, tuple[int, str]]:
    """Run each command, and those programs; code and complaint by name."""
    lines = {name: ["manage", name, *arguments] for name, arguments in COMMANDS.items()}
    lines |= {name: [*arguments, "--port", str(free_port())] for name, arguments in (programs or {}).items()}
    unset = ("DJANGO_SETTINGS_MODULE", "POLARDB_ALLOWED_HOSTS")
    base = {name: value for name, value in os.environ.items() if name not in unset}
    account = {"LABEL_STUDIO_USERNAME": "a@example.com", "LABEL_STUDIO_PASSWORD": "correct-horse-9"}
    data = {"LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"), "DJANGO_DB": "sqlite"}
    images = folder / "images"
    images.mkdir()
    (images / "cat.png").touch()
    done = subprocess.run(
        [sys.executable, "-c", WALK, json.dumps(lines)],
        env={**base, **account, **data, **variables},
        cwd=images,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {name: (code, complaint) for name, (code, complaint) in found.items()}


def assert_one_line(code: int, complaint: str) -> None:
    lines = [line for line in complaint.splitlines() if line and not line.startswith("Warning: SECRET_KEY")]
    assert (code, len(lines)) == (1, 1), complaint


def test_every_command_is_walked() -> None:
    folder = Path(polardb_bridge.__file__).parent / "management" / "commands"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(COMMANDS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLARDB_RECONCILE_MINUTES", "often"),
        ("POLARDB_TLS_CA", "/no/such/file"),
        ("REDIS_URL", "hunter2"),
        ("WEBHOOK_TIMEOUT", "soon"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, tmp_path: Path) -> None:
    # The demo has no Redis; with a database it starts none of its own.
    programs = START if name == "REDIS_URL" else START | DEMO
    database = {"POLARDB_URL": f"mysql://u:hunter2@127.0.0.1:{free_port()}/db"}
    for command, (code, complaint) in walk(tmp_path, programs, **{name: value}, **database).items():
        assert_one_line(code, complaint)
        assert name in complaint, (command, complaint)


def test_a_database_that_is_not_migrated(tmp_path: Path) -> None:
    # Nothing listens there.
    url = f"mysql://u:hunter2@127.0.0.1:{free_port()}/db"
    for command, (code, complaint) in walk(tmp_path, POLARDB_URL=url).items():
        assert_one_line(code, complaint)
        expected = "refuses connections" if command in ASK_POLARDB else "run `polardb-bridge start`, or"
        if command == "serve_mysql":  # what clients ask of their own database needs no other
            expected = "cannot be served on 192.0.2.1:1"
        assert expected in complaint, (command, complaint)


def test_a_malformed_database_url(tmp_path: Path) -> None:
    said = walk(tmp_path, DEMO, POLARDB_URL="mysql://u:hunter2#@h/db")
    for command, (code, complaint) in said.items():
        assert_one_line(code, complaint)
        if command in {*ASK_POLARDB, "demo"}:
            assert "percent-encode # as %23" in complaint
    assert not (tmp_path / "images" / "demo").exists()
