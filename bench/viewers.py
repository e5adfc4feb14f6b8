"""People who look at tasks: how long pages and images take, against a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

from bench.measure import Latency
from dev.label_studio import LabelStudio

PAGE = 30
PAGES_MEASURED = 60
MOST_IMAGES = 200
VIEWERS = 50
IMAGES_A_VIEWER = 20


@dataclass(frozen=True)
class Viewing:
    """What viewers met. errors: requests of the viewers at once that failed; requests: all of those."""

    link_page: Latency
    local_page: Latency
    link_image: Latency
    local_image: Latency
    errors: int
    requests: int
    seconds: float


def watch(server: LabelStudio, session: requests.Session, link_project: int, local_project: int) -> Viewing:
    """Look at both projects in turn, one request after the other; then at the linked one with many at once."""

    def page(project: int, number: int = 1) -> list[dict[str, Any]]:
        url = f"{server.url}/api/tasks?project={project}&page={number}&page_size={PAGE}&fields=all"
        answer = session.get(url, timeout=120)
        answer.raise_for_status()
        tasks: list[dict[str, Any]] = answer.json()["tasks"]
        return tasks

    def images(project: int) -> list[str]:
        pages = range(1, MOST_IMAGES // PAGE + 1)
        total = session.get(f"{server.url}/api/projects/{project}", timeout=120).json()["task_number"]
        tasks = [task for number in pages if (number - 1) * PAGE < total for task in page(project, number)]
        return [task["data"]["image"] for task in tasks]

    def image(address: str) -> None:
        answer = session.get(f"{server.url}{address}", timeout=120)
        answer.raise_for_status()
        if not answer.headers["Content-Type"].startswith("image/"):
            raise RuntimeError(f"{address} is no image")

    def in_turn(one: Callable[[int], object], other: Callable[[int], object], times: int) -> list[list[float]]:
        """Seconds of each, so that both see the same machine."""
        seconds: list[list[float]] = [[], []]
        for number in range(times):
            for kind, work in enumerate((one, other)):
                begun = time.perf_counter()
                work(number)
                seconds[kind].append(time.perf_counter() - begun)
        return seconds

    in_turn(lambda _: page(link_project), lambda _: page(local_project), 5)  # what is done at a first request only
    pages = in_turn(lambda _: page(link_project), lambda _: page(local_project), PAGES_MEASURED)
    linked, local = images(link_project), images(local_project)
    count = min(len(linked), len(local))
    # Each image once: none comes from our cache.
    seen = in_turn(lambda n: image(linked[n]), lambda n: image(local[n]), count)
    begun = time.perf_counter()
    errors, asked = _view_at_once(server, session, link_project, linked)
    return Viewing(
        Latency("page of 30 tasks, by link", pages[0]),
        Latency("page of 30 tasks, Label Studio's local files", pages[1]),
        Latency("image by link", seen[0]),
        Latency("image, Label Studio's local files", seen[1]),
        errors,
        asked,
        time.perf_counter() - begun,
    )


def _view_at_once(
    server: LabelStudio, session: requests.Session, project: int, addresses: list[str]
) -> tuple[int, int]:
    """Errors and requests of VIEWERS people who each open a page and look at images at the same time."""
    outcomes: list[bool] = []

    def view(number: int) -> None:
        own = requests.Session()
        own.cookies.update(session.cookies)
        wanted = [addresses[(number + step) % len(addresses)] for step in range(IMAGES_A_VIEWER)]
        for address in [f"/api/tasks?project={project}&page_size={PAGE}&fields=all", *wanted]:
            try:
                outcomes.append(own.get(f"{server.url}{address}", timeout=120).status_code == 200)
            except requests.RequestException:
                outcomes.append(False)

    threads = [threading.Thread(target=view, args=(number,)) for number in range(VIEWERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes.count(False), len(outcomes)
