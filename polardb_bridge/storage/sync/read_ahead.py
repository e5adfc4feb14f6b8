"""Preparing the next item while the last one is worked on."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from polardb_bridge.table.time_limit import adopt, current

_Item = TypeVar("_Item")
_END = object()


def read_ahead(items: Generator[_Item, None, None]) -> Generator[_Item, None, None]:
    """The same items, each prepared in another thread while the caller works on the one before it.

    At most one item is prepared ahead. Close it (`contextlib.closing`): what `items` uses is in use until then.
    """
    try:
        with ThreadPoolExecutor(1, "read-ahead", initializer=adopt, initargs=(current(),)) as thread:
            following = thread.submit(next, items, _END)
            while (item := following.result()) is not _END:
                following = thread.submit(next, items, _END)
                yield cast(_Item, item)
    finally:
        items.close()
