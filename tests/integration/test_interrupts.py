"""Ctrl-C at the worst of moments: in the middle of what Django does around a transaction."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from polardb_bridge.storage.sync.models import SyncState
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.storage.sync.task_writer import Writer
from support.labeling import Provisioned
from support.source_data import Source

pytestmark = pytest.mark.django_db(transaction=True)


class _Interrupted:
    """A transaction that is begun, and of which nothing knows that it was. is_noted: Django does, but no block."""

    def __init__(self, *, is_noted: bool) -> None:
        self.is_noted = is_noted

    def __enter__(self) -> None:
        connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        connection.autocommit = not self.is_noted
        connection.in_atomic_block = self.is_noted
        raise KeyboardInterrupt

    def __exit__(self, *error: object) -> None:
        pass


@pytest.mark.parametrize("is_noted", [False, True])
def test_a_sync_interrupted_as_it_begins_a_transaction_is_said_to_have_failed(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch, is_noted: bool
) -> None:
    source.add_images(1)
    storage = provisioned.import_storage

    def create(self: Writer, batch: Any) -> int:
        with _Interrupted(is_noted=is_noted):
            raise AssertionError("not interrupted")

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "create", create)
        with pytest.raises(KeyboardInterrupt):
            run_sync(storage)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    assert not SyncState.objects.exclude(lease=None).exists()
    assert run_sync(storage).created == 1
