"""What a measurement is, and how it is told."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_fork = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Measurement:
    """rows in seconds; peak: the process' largest resident memory, in MB."""

    name: str
    rows: int
    seconds: float
    peak: float

    @property
    def speed(self) -> float:
        return self.rows / self.seconds


def measured(name: str, rows: int, work: Callable[..., Any], *arguments: Any) -> Measurement:
    """Do `work` in a process of its own, which has loaded Label Studio and done nothing else.

    Raises:
        RuntimeError: the work failed.
    """
    from django.db import connections

    connections.close_all()
    receiver, sender = _fork.Pipe(duplex=False)

    def child() -> None:
        begun = time.perf_counter()
        work(*arguments)
        sender.send((time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000))

    process = _fork.Process(target=child)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{name} failed")
    seconds, peak = receiver.recv()
    found = Measurement(name, rows, seconds, peak)
    print(f"  {name}: {found.speed:,.0f} rows/s, {seconds:.1f} s, peak {found.peak:.0f} MB", flush=True)
    return found


@dataclass(frozen=True)
class Latency:
    """Seconds of requests of one kind, one after the other."""

    name: str
    seconds: Sequence[float]

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.seconds, n=20)[-1]


@dataclass(frozen=True)
class Claim:
    """Something that is to hold, and what was measured. `limit` is the largest value, or the least where at_least."""

    text: str
    value: float
    limit: float
    at_least: bool = False
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def line(self) -> str:
        bound = "at least" if self.at_least else "at most"
        verdict = "held" if self.holds else "MISSED"
        return f"- {verdict}: {self.text}: {self.value:,.4g}{self.unit} ({bound} {self.limit:,g}{self.unit})"


def speed_table(steps: Sequence[tuple[Measurement, Measurement]]) -> list[str]:
    """Lines of a table; each step with the bound that it is compared to."""
    head = ["| what | rows | rows/s | of the bound | seconds | peak MB |", "|---|---|---|---|---|---|"]
    return head + [
        f"| {found.name} | {found.rows:,} | {found.speed:,.0f} | {found.speed / limit.speed:.2f} "
        f"| {found.seconds:.1f} | {found.peak:.0f} |"
        for found, limit in steps
    ]


def latency_table(latencies: Sequence[Latency]) -> list[str]:
    head = ["| request | p50 ms | p95 ms | requests |", "|---|---|---|---|"]
    return head + [
        f"| {found.name} | {found.p50 * 1000:.1f} | {found.p95 * 1000:.1f} | {len(found.seconds)} |"
        for found in latencies
    ]
