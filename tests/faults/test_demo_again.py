"""`polardb-bridge demo` a second time, with Label Studio at another port: everything goes on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dev.label_studio import signed_in
from dev.servers import free_port
from polardb_bridge.demo import demo
from support.migrated_database import copy_database

DEADLINE_S = 240


@pytest.fixture
def folder(tmp_path: Path, django_db_setup: None, migrated_copy: Path | None) -> Path:
    """The folder of a demo that has no more than a migrated database: that takes a minute."""
    folder = tmp_path / "demo"
    (folder / demo.LABEL_STUDIO).mkdir(parents=True)
    demo.Accounts.make(folder)
    if migrated_copy and migrated_copy.exists():
        copy_database(migrated_copy, folder / demo.LABEL_STUDIO / "label_studio.sqlite3")
    return folder


@contextmanager
def running(folder: Path, port: int) -> Iterator[str]:
    """What the demo says when it is up; it is stopped by Ctrl-C."""
    environment = {name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "PORT")}
    process = subprocess.Popen(
        [sys.executable, "-m", "polardb_bridge", "demo", "--folder", str(folder), "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    said, deadline = b"", time.monotonic() + DEADLINE_S
    try:
        while b"Ctrl-C stops." not in said:
            ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(process.stdout.fileno(), 65536) if ready else b""
            assert more, said.decode()
            said += more
        yield said.decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)  # its servers stop with it
        process.communicate(timeout=DEADLINE_S)


def command(folder: Path, *arguments: str) -> str:
    """`polardb-bridge manage …` in a shell that has read the demo's `environment`."""
    program = f'. "{folder / demo.ENVIRONMENT}"; exec "$0" -m polardb_bridge manage "$@"'
    done = subprocess.run(
        ["sh", "-c", program, sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_second_demo_with_another_port_goes_on(folder: Path) -> None:
    accounts = demo.Accounts.read(folder)
    assert accounts
    second_table = "polardb4ai_annotation_source_more"
    deploy = (
        f"DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = '1', annotation_source = '{second_table}', "
        "deployment_name = 'more')"
    )
    projects = []
    for number in range(2):
        port = free_port()
        with running(folder, port) as said:
            url = f"http://localhost:{port}"
            [path] = re.findall(rf"Label Studio  {url}(/projects/\d+)/data", said)
            projects.append(path)
            assert f"Deployments   {url}/polardb/\n" in said
            if number == 0:
                command(folder, "create_tables", "--source", second_table)
                command(folder, "polar4ai", deploy)
            # What a command in another shell prints leads to the server that runs.
            answer = json.loads(command(folder, "polar4ai", "SHOW DEPLOYMENT more", "--json"))["results"][0]
            shown = dict(zip(answer["columns"], answer["rows"][0], strict=True))
            assert shown["request_path"].startswith(f"{url}/")
            if number == 1:
                known = command(
                    folder, "provision_project", "--template", "1", "--source", demo.TABLE, "--name", demo.PROJECT
                )
                assert f"{url}{path}/data); nothing was changed." in known
            session = signed_in(url, accounts.user, accounts.password)
            assert session.get(f"{url}/polardb/", timeout=60).status_code == 200
            assert session.get(f"{url}/api{path}/", timeout=60).json()["task_number"] > 0
    assert projects[0] == projects[1]
