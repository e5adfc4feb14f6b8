"""`make wheel`: build the sdist and the wheel, and see that the wheel is whole and works by itself.

It is installed into an empty environment and run from an empty folder, far from this checkout: the demo is started,
a photo is labeled over HTTP, and the result has to be in the row of the table.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from dev.label_studio import signed_in
from polardb_bridge.demo.demo import TABLE
from polardb_bridge.demo.servers import free_port
from polardb_bridge.table.connection import connect
from polardb_bridge.table.parameters import ConnectionParameters

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 60
WRITEBACK_TIMEOUT_S = 20
RESULT = [
    {
        "id": "wheel_1",
        "type": "rectanglelabels",
        "origin": "manual",
        "to_name": "image",
        "from_name": "label",
        "original_width": 100,
        "original_height": 100,
        "image_rotation": 0,
        "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["cat"]},
    }
]


def main() -> None:
    began = time.monotonic()

    def done(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}", flush=True)

    sdist, wheel = build()
    done(f"built {sdist.name} and {wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB)")
    check_contents(sdist, wheel)
    done("every file of the package that git knows is in them")
    with tempfile.TemporaryDirectory(prefix="polardb-bridge-wheel-") as folder:
        installed = Installed(Path(folder))
        installed.install(wheel)
        done("installed into an empty environment")
        installed.check()
        done("manage check")
        with installed.running("demo", "--port", str(installed.port)):
            done("the demo is up")
            label_a_photo(installed)
            done("a submitted annotation is in its row")
        done("stopped by Ctrl-C, nothing is left running")
        administrator = {"LABEL_STUDIO_USERNAME": "admin@example.com", "LABEL_STUDIO_PASSWORD": "wheel-check-1"}
        with installed.running("start", "--port", str(installed.port), **installed.demo_environment(), **administrator):
            signed_in(installed.url, "admin@example.com", "wheel-check-1")
            done("start serves, and its administrator can sign in")
        installed.run("demo", "--remove")
        assert not (installed.folder / ".demo").exists()
        done("the demo is removed")


def build() -> tuple[Path, Path]:
    """Both distributions, the wheel made from the sdist."""
    for old in DIST.glob("polardb_bridge-*"):
        old.unlink()
    subprocess.run([sys.executable, "-m", "build", "--outdir", DIST, ROOT], check=True, stdout=subprocess.DEVNULL)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """See that both hold each tracked file of the package, and the wheel nothing else."""
    listed = subprocess.run(["git", "ls-files", "polardb_bridge"], cwd=ROOT, check=True, capture_output=True, text=True)
    expected = set(listed.stdout.splitlines())
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.split("/", 1)[1] for name in archive.getnames()}
    assert in_wheel == expected, f"only in the wheel or only in git: {sorted(in_wheel ^ expected)}"
    assert expected <= in_sdist, f"not in the sdist: {sorted(expected - in_sdist)}"


class Installed:
    """The wheel in an environment of its own, run from an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.environment = folder / "environment"
        self.folder = folder / "empty"
        self.folder.mkdir()
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def install(self, wheel: Path) -> None:
        venv.create(self.environment, with_pip=True)
        self._run(self.environment / "bin/python", "-m", "pip", "install", "--quiet", "--no-compile", wheel)

    def check(self) -> None:
        """See that it is the wheel that runs, and that it passes its own checks."""
        found = self._run(
            self.environment / "bin/python", "-c", "import polardb_bridge; print(polardb_bridge.__file__)"
        )
        assert Path(found.strip()).is_relative_to(self.environment), found
        self.run("manage", "check", LABEL_STUDIO_BASE_DATA_DIR=str(self.folder.parent / "data"))

    def run(self, *arguments: str, **variables: str) -> str:
        """`polardb-bridge …` to its end; what it printed."""
        return self._run(self.environment / "bin/polardb-bridge", *arguments, **variables)

    def _run(self, *command: str | Path, **variables: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._variables(variables),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def _variables(self, variables: dict[str, str]) -> dict[str, str]:
        # Neither this checkout nor what somebody has set for a Label Studio of theirs.
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "POLARDB", "LABEL"))
        }
        return {**kept, "PYTHONSAFEPATH": "1", **variables}

    @contextmanager
    def running(self, *arguments: str, **variables: str) -> Iterator[None]:
        """`polardb-bridge …` in the background while it answers; then Ctrl-C, after which nothing may be left of it."""
        log = self.folder.parent / f"{arguments[0]}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [self.environment / "bin/polardb-bridge", *arguments],
                cwd=self.folder,
                env=self._variables(variables),
                stdout=output,
                stderr=output,
            )
        everything = [psutil.Process(process.pid)]
        try:
            self._wait_until_ready(process, log)
            everything += everything[0].children(recursive=True)
            yield
            process.send_signal(signal.SIGINT)
            assert process.wait(STOP_TIMEOUT_S) == 0, log.read_text()
            left = [one for one in everything if one.is_running()]
            assert not left, f"left running: {left}"
        finally:
            for one in everything:
                if one.is_running():
                    one.kill()

    def _wait_until_ready(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            try:
                requests.get(f"{self.url}/health", timeout=5).raise_for_status()
            except requests.RequestException:
                time.sleep(0.3)
            else:
                return

    def demo_environment(self) -> dict[str, str]:
        """The variables that the demo keeps for shells."""
        lines = [shlex.split(line) for line in (self.folder / ".demo/environment").read_text().splitlines()]
        return dict(word.split("=", 1) for verb, *words in lines if verb == "export" for word in words)

    def rows(self) -> list[tuple[Any, ...]]:
        """Of the rows of the demo's table that have a result: `annotation_count` and `annotation_data`."""
        statement = f"SELECT annotation_count, annotation_data FROM {TABLE} WHERE annotation_data IS NOT NULL"
        with connect(ConnectionParameters.from_url(self.demo_environment()["POLARDB_URL"])) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]


def label_a_photo(installed: Installed) -> None:
    """Sign in as the demo's user, submit an annotation, and see it in its row."""
    accounts = json.loads((installed.folder / ".demo/accounts.json").read_text())
    session = signed_in(installed.url, accounts["user"], accounts["password"])
    tasks = session.get(f"{installed.url}/api/tasks", params={"project": 1}, timeout=60).json()["tasks"]
    assert len(tasks) == 12
    url = f"{installed.url}/api/tasks/{tasks[0]['id']}/annotations"
    answer = session.post(url, json={"result": RESULT}, timeout=60)
    assert answer.status_code == 201, answer.text
    deadline = time.monotonic() + WRITEBACK_TIMEOUT_S
    while not (rows := installed.rows()):
        assert time.monotonic() < deadline, "the annotation did not reach its row"
        time.sleep(0.1)
    ((count, data),) = rows
    assert count == 1
    assert json.loads(data) == RESULT


if __name__ == "__main__":
    main()
