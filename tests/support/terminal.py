"""A command in a terminal, as a person has it: a pseudo-terminal that is typed into and read from."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

DEADLINE_S = 60
_WIDTH = 200
# What moves the cursor, colours and so on: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"


class Terminal:
    """said: all that has been on the screen, without the control sequences."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor = descriptor
        self.process = process
        self._raw = b""
        self._seen = 0

    @property
    def said(self) -> str:
        return _CONTROL.sub("", self._raw.decode(errors="replace"))

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def read_until(self, expected: str) -> str:
        """Wait until `expected` is on the screen, after what was waited for before; what stands up to its end."""
        deadline = time.monotonic() + DEADLINE_S
        while (found := self.said.find(expected, self._seen)) < 0:
            assert time.monotonic() < deadline, f"no {expected!r} in: {self.said[self._seen :]}"
            assert self._read(deadline), f"ended without {expected!r}: {self.said[self._seen :]}"
        before, self._seen = self._seen, found + len(expected)
        return self.said[before : self._seen]

    def end(self) -> int:
        """Wait for the end of the process; its exit code."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            assert time.monotonic() < deadline, self.said[self._seen :]
        return self.process.wait(DEADLINE_S)

    def _read(self, deadline: float) -> bool:
        """Read what there is; False if there will be no more."""
        ready, _, _ = select.select([self._descriptor], [], [], max(0, deadline - time.monotonic()))
        try:
            data = os.read(self._descriptor, 65536) if ready else b""
        except OSError:  # Linux says so of a terminal that no process has any more
            return False
        self._raw += data
        return bool(data)


@contextmanager
def terminal(environment: Mapping[str, str], *arguments: str) -> Iterator[Terminal]:
    """`polardb-bridge manage …` in a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _WIDTH, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "polardb_bridge", "manage", *arguments],
        # This terminal does not tell where its cursor is.
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings",
            "TERM": "xterm",
            "PROMPT_TOOLKIT_NO_CPR": "1",
            **environment,
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
