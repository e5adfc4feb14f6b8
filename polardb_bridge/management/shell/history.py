"""What was typed before, in a file that only its owner reads."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from prompt_toolkit.history import History, InMemoryHistory

from polardb_bridge.statements.masking import masked

NAME = ".polar4ai_history"


class StatementHistory(History):
    """Kept with one entry a line, as a JSON string: an entry may have several lines itself.

    What seems to hold a password is remembered until the end of the shell, and not kept.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError: the file cannot be used."""
        super().__init__()
        self._path = path
        with _opened(path) as file:
            content = file.read() or b""
            if not content.endswith(b"\n"):
                file.write(b"\n")  # below an entry that was cut off
        self._earlier = list(_entries(content))

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._earlier)

    def store_string(self, string: str) -> None:
        if masked(string) != string:
            return
        # Forgotten if the disk is full: what was typed has to run all the same.
        with contextlib.suppress(OSError), _opened(self._path) as file:
            file.write(f"{json.dumps(string)}\n".encode())


def open_history() -> History:
    """That of this account; one without a file if its home folder cannot have one."""
    try:
        return StatementHistory(Path.home() / NAME)
    except (OSError, RuntimeError):  # RuntimeError: it has no home folder
        return InMemoryHistory()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    """For reading from the beginning and adding at the end, never through a link.

    Raises:
        OSError: that cannot be; or what is there is another account's, or no file.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    with FileIO(os.open(path, flags, 0o600), "r+") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError(f"{path} is no file of this account")
        os.fchmod(file.fileno(), 0o600)
        yield file


def _entries(content: bytes) -> Iterable[str]:
    for line in content.splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, str):
                yield entry
