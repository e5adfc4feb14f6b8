"""How much memory something takes, at its peak."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_MEASURE = """
import resource, subprocess, sys
subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def begin_peak() -> int:
    """Let the kernel measure anew how much memory this process takes at most; how much it takes now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def peak_of(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a command to its end, whatever its exit code; how much memory it took at most, in bytes.

    A small process stands in between: the kernel counts as a child's own what its parent took when it began it.
    """
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], env=dict(env), stdout=subprocess.PIPE, text=True, check=True
    )
    return int(measured.stdout.split()[-1]) * 1024
