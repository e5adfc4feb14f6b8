"""A tenant's filter of names takes nobody's time."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from polardb_bridge.label_studio.storages import NamePattern
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


class TestFilesOfOtherStorages:
    """Those of Label Studio's own: S3, Google, Azure, local files."""

    @pytest.fixture
    def storage(self, user: Any, settings: Any, tmp_path: Path) -> Any:
        from io_storages.localfiles.models import LocalFilesImportStorage
        from projects.models import Project

        settings.LOCAL_FILES_SERVING_ENABLED = True
        settings.LOCAL_FILES_DOCUMENT_ROOT = str(tmp_path)
        folder = tmp_path / "photos"
        folder.mkdir()
        for name in (f"{'a' * 60}!", "cat.jpg", "cat.png"):
            (folder / name).touch()
        (folder / os.fsdecode(b"cat-\xff.jpg")).touch()
        project = Project.objects.create(title="p", organization=user.active_organization, created_by=user)
        return LocalFilesImportStorage.objects.create(project=project, path=str(folder), use_blob_urls=True)

    @pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*d"])
    def test_take_no_time(self, storage: Any, api: APIClient, pattern: str) -> None:
        form = {"id": storage.pk, "project": storage.project_id, "path": storage.path, "regex_filter": pattern}
        started = time.monotonic()
        assert api.post("/api/storages/localfiles/files", form, format="json").json()["files"] == []
        assert api.patch(f"/api/storages/localfiles/{storage.pk}", form, format="json").status_code == 200
        assert api.post(f"/api/storages/localfiles/{storage.pk}/sync").status_code == 200
        assert not storage.project.tasks.exists()
        assert time.monotonic() - started < 5

    def test_are_found_as_before(self, storage: Any) -> None:
        for pattern, names in ((r".*\.jpg$", 2), (r"cat", 3), (r"\.jpg", 0), (r"[\w]+\.png", 1), (None, 4)):
            storage.regex_filter = pattern
            assert len(list(storage.iter_keys())) == names, pattern

    @pytest.mark.parametrize("kind", ["localfiles", "s3", "gcs", "azure"])
    @pytest.mark.parametrize("pattern", [r"(a+)+(?=b)", "(", r"(a)\1", "a{1,60000}", "a" * 5000])
    def test_are_not_filtered_by_what_may_take_for_ever(
        self, storage: Any, api: APIClient, kind: str, pattern: str
    ) -> None:
        form = {"project": storage.project_id, "path": storage.path, "bucket": "b", "container": "c"}
        for path in ("", "validate"):
            answer = api.post(f"/api/storages/{kind}/{path}", {**form, "regex_filter": pattern}, format="json")
            assert answer.status_code == 400, answer.content
            assert "regex_filter" in answer.json()["validation_errors"], answer.content

    def test_are_label_studios_own_again_if_they_are_trusted(
        self, storage: Any, api: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("POLARDB_TRUST_PATTERNS", "true")
        form = {"project": storage.project_id, "path": storage.path, "regex_filter": r"cat\.(?=jpg)"}
        assert api.patch(f"/api/storages/localfiles/{storage.pk}", form, format="json").status_code == 200
        storage.refresh_from_db()
        assert len(list(storage.iter_keys())) == 1

    def test_label_studio_still_matches_by_what_is_wrapped(self) -> None:
        """And by nothing else of `re`."""
        from io_storages.azure_blob import models as azure
        from io_storages.gcs import utils as google
        from io_storages.localfiles import models as local
        from io_storages.s3 import models as amazon

        for module in (azure, google, local, amazon):
            source = Path(module.__file__).read_text()
            assert "re.compile(str(" in source
            assert set(re.findall(r"\bre\.(\w+)", source)) == {"compile"}
            assert isinstance(module.re.compile("a"), NamePattern)
