"""What the forms of the Cloud Storage page ask the server."""

from __future__ import annotations

import base64
import io
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync import plan
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import connect
from polardb_bridge.table.images.decode import decode_image
from polardb_bridge.table.preview import make_thumbnail
from polardb_bridge.table.schema import source_table
from polardb_bridge.table.size import read_table_size
from support.source_data import Source, base64_text, image_bytes


@pytest.fixture
def form(user: Any, source: Source) -> dict[str, Any]:
    """A form that is filled in correctly, for a project of `user`."""
    from projects.models import Project

    project = Project.objects.create(title="animals", organization=user.active_organization, created_by=user)
    parameters = source.parameters
    return {
        "project": project.pk,
        "title": "Animals",
        "host": parameters.host,
        "port": parameters.port,
        "database": parameters.database,
        "user": parameters.user,
        "password": parameters.password,
        "table": source.table,
    }


def preview(api: Any, form: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    answer = api.post("/api/storages/polardb/files", {**form, **changes}, format="json")
    assert answer.status_code == 200, answer.content
    files: list[dict[str, Any]] = answer.json()["files"]
    return files


def test_the_preview_shows_rows_as_they_are(api: Any, form: dict[str, Any], source: Source) -> None:
    data = base64_text(image_bytes("PNG", (200, 100)))
    source.add(("cat.jpg", data), ("broken.jpg", "%%%"))
    source.execute(f"UPDATE {source.table} SET annotation_data = '[]', annotation_count = 1 WHERE id = 1")
    cat, broken, _ = preview(api, form)

    thumbnail = cat.pop("thumbnail")
    updated = source.row(1)["updated_at"].isoformat()
    assert cat == {
        "key": "1",
        "name": "cat.jpg",
        "size": len(data),
        "last_modified": f"{updated}Z",
        "media_type": "image/png",
        "annotated": True,
        "problem": "",
        "fields": {},
    }
    head, _, text = thumbnail.partition(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert image.size == (64, 32)
    assert broken["thumbnail"] is None
    assert broken["media_type"] == "jpg"
    assert broken["annotated"] is False
    assert "not base64" in broken["problem"]


def test_the_preview_of_a_long_table_ends_with_its_size(api: Any, form: dict[str, Any], source: Source) -> None:
    source.add_images(23)
    files = preview(api, form)
    assert [file["key"] for file in files] == [*map(str, range(1, 21)), None]
    assert files[-1]["table_rows"] == 23
    assert files[-1]["table_rows_are_estimated"] is False
    assert files[-1]["table_bytes"] >= sum(file["size"] for file in files[:-1])
    assert len(preview(api, form, limit=2)) == 3
    assert len(preview(api, form, limit=1000)) == 21


def test_the_preview_of_an_empty_table_is_empty(api: Any, form: dict[str, Any]) -> None:
    [table] = preview(api, form)
    assert (table["key"], table["table_rows"]) == (None, 0)


def test_the_preview_reads_no_large_image(api: Any, form: dict[str, Any], source: Source) -> None:
    source.add(("large.png", "A" * 9_000_000))
    [file, _] = preview(api, form)
    assert (file["size"], file["thumbnail"]) == (9_000_000, None)
    assert "large" in file["problem"]


MODES = {
    "PNG": ["RGB", "RGBA", "P", "L", "LA", "1", "I;16"],
    "JPEG": ["RGB", "L", "CMYK"],
    "GIF": ["RGB", "RGBA", "P", "L", "1"],
    "WEBP": ["RGB", "RGBA"],
    "BMP": ["RGB", "P", "L", "1"],
}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in MODES.items() for mode in modes])
def test_images_of_all_modes_have_thumbnails(kind: str, mode: str) -> None:
    buffer = io.BytesIO()
    image = Image.new(mode, (90, 120))
    if mode == "P":
        # Pillow before 13, the newest for Python 3.10, writes a truncated BMP of an image without colors.
        image.putpalette(bytes(range(256)) * 3)
    image.save(buffer, kind)
    thumbnail = make_thumbnail(decode_image(base64_text(buffer.getvalue())))
    assert thumbnail.media_type == f"image/{kind.lower()}"
    assert len(thumbnail.data_uri) < 4000


def test_a_very_large_table_is_estimated_at_once(source: Source) -> None:
    digits = " UNION ALL ".join(f"SELECT {digit} AS n" for digit in range(10))
    tables = ", ".join(f"({digits}) AS t{power}" for power in range(6))
    source.execute(
        f"INSERT INTO {source.table} (base64_data, mime_type, original_name, annotation_count)"
        f" SELECT NULL, 'jpg', 'x', 0 FROM {tables}"
    )
    source.execute(f"ANALYZE TABLE {source.table}")
    with connect(source.parameters) as connection:
        started = time.monotonic()
        size = read_table_size(connection, source_table(source.table))
    assert size.rows_are_estimated
    assert 700_000 < size.rows < 1_300_000
    assert size.bytes > 10_000_000
    assert time.monotonic() - started < 1


def planned(api: Any, form: dict[str, Any], **changes: Any) -> dict[str, int | None]:
    counts = preview(api, form, **changes)[-1]["sync"]
    return {name: count for name, count in counts.items() if count != 0}


def test_the_preview_tells_what_a_sync_would_do(api: Any, form: dict[str, Any], source: Source) -> None:
    source.add_images(5)
    assert planned(api, form) == {"new": 5}
    assert planned(api, form, regex_filter=".*-[01]") == {"new": 2}
    storage_id = api.post("/api/storages/polardb", form, format="json").json()["id"]
    run_sync(PolarDBImportStorage.objects.get(pk=storage_id))
    assert planned(api, form, id=storage_id) == {"existing": 5}
    source.execute(f"UPDATE {source.table} SET updated_at = updated_at + INTERVAL 1 MINUTE WHERE id = 1")
    source.execute(f"DELETE FROM {source.table} WHERE id IN (2, 3)")
    source.add_images(1)
    assert planned(api, form, id=storage_id) == {"new": 1, "changed": 1, "deleted": 2, "existing": 2}


@pytest.mark.parametrize("limit", ["MAX_COMPARED_ROWS", "COMPARING_TIMEOUT_S"])
def test_a_large_table_is_not_compared(
    api: Any, form: dict[str, Any], source: Source, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    source.add_images(5)
    storage_id = api.post("/api/storages/polardb", form, format="json").json()["id"]
    run_sync(PolarDBImportStorage.objects.get(pk=storage_id))
    source.add_images(2)
    monkeypatch.setattr(plan, limit, -1)
    assert planned(api, form, id=storage_id) == {"new": 2, "existing": 5, "changed": None, "deleted": None}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that does not even take connections, and refuses none: its queue is full."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        with socket.create_connection(server.getsockname()):
            yield server.getsockname()[1]


def test_bad_input_is_explained_on_its_field(
    api: Any, form: dict[str, Any], source: Source, silent_port: int, deaf_port: int
) -> None:
    source.execute("CREATE TABLE other (id int PRIMARY KEY, base64_data int)")
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"host": "no-such-host.invalid"}, "host", "is not known"),
        ({"host": "10.1.2.3"}, "host", "are blocked"),
        ({"host": "169.254.169.254"}, "host", "are blocked"),
        ({"host": "a b"}, "host", "is not known"),
        ({"port": 1}, "port", "refuses connections on port 1"),
        ({"port": silent_port}, "port", "does not answer like a MySQL server"),
        ({"port": deaf_port}, "host", "cannot be reached"),
        ({"password": "wrong"}, "password", "user name or password is wrong"),
        ({"database": "no_such_database"}, "database", "no_such_database"),
        ({"table": "no_such_table"}, "table", "There is no table 'no_such_table'"),
        ({"table": "other"}, "table", "column 'original_name' is missing"),
        ({"table": "a`b"}, "table", "cannot be a table's name"),
        (
            {"table": "labeling.cars"},
            "table",
            "Put the database 'labeling' into the field 'database', and the table 'cars'",
        ),
        ({"table": "`labeling`.`cars`"}, "table", "Put the database 'labeling' into the field 'database'"),
        ({"table": "a.b.c"}, "table", "cannot be a table's name"),
        ({"tls": "verify_identity"}, "tls", "TLS"),
    ]
    for changes, field, sentence in cases:
        started = time.monotonic()
        answer = api.post("/api/storages/polardb/validate", {**form, **changes}, format="json")
        assert answer.status_code == 400, changes
        errors = answer.json()["validation_errors"]
        assert list(errors) == [field], (changes, errors)
        assert sentence in errors[field][0], changes
        assert time.monotonic() - started < 5, f"{changes} took too long"
    assert api.post("/api/storages/polardb/validate", form, format="json").status_code == 200


@pytest.mark.parametrize("direction", ["polardb", "export/polardb"])
def test_a_stored_password_goes_to_its_own_server_only(api: Any, form: dict[str, Any], direction: str) -> None:
    # Through the model: the account of the tests' server may have no password at all.
    model = PolarDBExportStorage if "export" in direction else PolarDBImportStorage
    values = {name: value for name, value in form.items() if name not in ("project", "password")}
    storage = model.objects.create(project_id=form["project"], password="secret", **values)
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.2)
        moved = {**form, "id": storage.pk, "password": "", "port": other.getsockname()[1]}
        answers = [
            api.post(f"/api/storages/{direction}/validate", moved, format="json"),
            api.patch(f"/api/storages/{direction}/{storage.pk}", moved, format="json"),
        ]
        with pytest.raises(TimeoutError):
            other.accept()
    for answer in answers:
        assert answer.status_code == 400
        assert list(answer.json()["validation_errors"]) == ["password"]
    unmoved = {**form, "password": "", "title": "Other title"}
    assert api.patch(f"/api/storages/{direction}/{storage.pk}", unmoved, format="json").status_code == 200
    storage.refresh_from_db()
    assert (storage.title, storage.password) == ("Other title", "secret")


@pytest.mark.parametrize("direction", ["polardb", "export/polardb"])
def test_the_form_offers_what_the_models_take_and_explains_it(api: Any, user: Any, direction: str) -> None:
    model = PolarDBExportStorage if "export" in direction else PolarDBImportStorage
    fields = [field for row in api.get(f"/api/storages/{direction}/form").json() for field in row["fields"]]
    selects = [field for field in fields if field["type"] == "select"]
    assert selects
    for field in selects:
        choices = model._meta.get_field(field["name"]).choices
        assert [option["value"] for option in field["options"]] == [value for value, _ in choices]
        for option in field["options"]:
            assert option["label"].startswith(f"{option['name']}: "), f"{option['value']} is not explained"


def test_a_target_tells_how_its_write_back_goes(project: Any, source: Source, api: Any) -> None:
    def writeback() -> dict[str, Any]:
        [storage] = api.get(f"/api/storages/export/polardb?project={project.export_storage.project_id}").json()
        writeback: dict[str, Any] = storage["writeback"]
        return writeback

    assert (writeback()["pending"], writeback()["last_written_at"]) == (0, None)
    project.submit(1)
    assert writeback()["pending"] == 1
    project.deliver()
    assert writeback()["pending"] == 0
    assert writeback()["last_written_at"] is not None

    source.execute(f"DELETE FROM {source.table} WHERE id = 2")
    project.submit(2)
    project.deliver()
    state = writeback()
    assert (state["pending"], state["failed"]) == (0, 1)
    assert state["problems"][0].startswith(f"row 2 (task {project.tasks[2].pk}): ")


def test_a_target_tells_why_its_table_cannot_be_written(project: Any, source: Source, api: Any) -> None:
    from polardb_bridge.webhooks.delivery import deliver_due

    project.submit(1)
    source.execute(f"RENAME TABLE {source.table} TO hidden")
    deliver_due()
    [storage] = api.get(f"/api/storages/export/polardb?project={project.export_storage.project_id}").json()
    assert storage["writeback"]["pending"] == 1
    assert source.table in storage["writeback"]["error"]
    assert storage["writeback"]["retry_at"] is not None
