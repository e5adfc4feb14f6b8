from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing

import pytest

from polardb_bridge.storage.sync.read_ahead import read_ahead


class Source:
    """Items whose making and end can be watched."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.made: list[int] = []
        self.closed = False
        self.threads: set[int] = set()

    def items(self) -> Generator[int, None, None]:
        try:
            for number in range(self.count):
                self.threads.add(threading.get_ident())
                self.made.append(number)
                yield number
            if self.error:
                raise self.error
        finally:
            self.closed = True


def test_items_come_in_order_and_from_another_thread() -> None:
    source = Source(5)
    assert list(read_ahead(source.items())) == [0, 1, 2, 3, 4]
    assert threading.get_ident() not in source.threads
    assert source.closed


def test_one_item_is_made_ahead_and_no_more() -> None:
    source = Source(9)
    with closing(read_ahead(source.items())) as items:
        assert next(items) == 0
        threading.Event().wait(0.1)
        assert source.made == [0, 1]
    assert source.closed
    assert source.made == [0, 1]


def test_an_error_comes_in_its_place() -> None:
    items = read_ahead(Source(2, error=ValueError("broken")).items())
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        next(items)
