"""A tenant's filter of names takes nobody's time."""

from __future__ import annotations

import time

import pytest
from rest_framework.test import APIClient

from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned
from support.source_data import Source


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*c", "(.*){50}b"])
def test_a_filter_cannot_hold_the_interpreter(
    pattern: str, provisioned: Provisioned, source: Source, api: APIClient
) -> None:
    source.add((f"{'a' * 200}!", ""))
    storage = provisioned.import_storage
    form = {
        "id": storage.pk,
        "project": storage.project_id,
        "host": storage.host,
        "port": storage.port,
        "database": storage.database,
        "user": storage.user,
        "table": storage.table,
        "regex_filter": pattern,
    }
    started = time.monotonic()
    answer = api.post("/api/storages/polardb/files", form, format="json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["files"][-1]["sync"]["new"] == 0
    storage.regex_filter = pattern
    storage.save()
    assert run_sync(storage).created == 0
    assert time.monotonic() - started < 5


def test_what_needs_unbounded_time_is_refused_in_the_form(provisioned: Provisioned, api: APIClient) -> None:
    answer = api.patch(
        f"/api/storages/polardb/{provisioned.import_storage.pk}", {"regex_filter": r"(a+)+(?=b)"}, format="json"
    )
    assert answer.status_code == 400
    assert "look around" in str(answer.json()["validation_errors"]["regex_filter"])
