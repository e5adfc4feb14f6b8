"""Label Studio's own processes for the tests and benchmarks: servers, workers and commands, as in production."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests

from dev.servers import Server
from polardb_bridge.serving import Address, gunicorn_command


class LabelStudio(Server):
    """As `polardb-bridge start` serves it, on 127.0.0.1.

    environment: what differs from this process' own, such as the database of Label Studio.
    """

    name = "label-studio"

    def __init__(self, folder: Path, environment: Mapping[str, str], workers: int = 2, threads: int = 4) -> None:
        super().__init__(folder)
        self.environment = environment
        self.workers = workers
        self.threads = threads

    def command(self) -> Sequence[str]:
        return gunicorn_command(Address("127.0.0.1", self.port), workers=self.workers, threads=self.threads)

    def variables(self) -> dict[str, str]:
        return {**os.environ, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings", **self.environment}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/polardb/health", timeout=20).status_code == 200
        except requests.RequestException:
            return False

    def children(self) -> list[int]:
        """Process ids of the gunicorn workers."""
        assert self.process
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(pid) for pid in found]

    def signal_workers(self, number: signal.Signals) -> None:
        for pid in self.children():
            os.kill(pid, number)

    def session(self, email: str, password: str) -> requests.Session:
        """A browser's session of this user."""
        return signed_in(self.url, email, password)


def signed_in(url: str, email: str, password: str) -> requests.Session:
    """A browser's session of this user, in the Label Studio at the url."""
    session = requests.Session()
    page = session.get(f"{url}/user/login/", timeout=60)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, page.text[:500]
    answer = session.post(
        f"{url}/user/login/",
        {"email": email, "password": password, "csrfmiddlewaretoken": token[1]},
        headers={"Referer": f"{url}/user/login/"},
        timeout=60,
    )
    assert "/user/login" not in answer.url, "the login failed"
    session.headers.update({"X-CSRFToken": session.cookies["csrftoken"], "Referer": url})
    return session


class Worker(LabelStudio):
    """`polardb-bridge manage rqworker`, or another command that runs until it is stopped."""

    name = "worker"

    def __init__(self, folder: Path, environment: Mapping[str, str], *arguments: str, ready: str = "") -> None:
        super().__init__(folder, environment)
        self.arguments = arguments or ("rqworker", "critical", "high", "default", "low", "--with-scheduler")
        self.ready = ready or "Listening on"

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "polardb_bridge", "manage", *self.arguments]

    def is_ready(self) -> bool:
        return self.log.exists() and self.ready in self.log.read_text(errors="replace")


def run_command(
    environment: Mapping[str, str], *arguments: str, timeout: float = 240
) -> subprocess.CompletedProcess[str]:
    """`polardb-bridge manage …` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "polardb_bridge", "manage", *arguments],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
