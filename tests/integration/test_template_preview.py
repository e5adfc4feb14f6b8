"""The preview of templates: what of Label Studio's frontend it needs, and what it is given."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import label_studio
import pytest
import yaml
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from polardb_bridge.deployments.console import database, templates
from polardb_bridge.label_studio.preview import Editor, SampleTask, find_editor, sample_task
from polardb_bridge.labeling.own_config import EDITOR_TAGS, SCRIPT_TAGS
from support.hostile_server import hostile_server, silence
from support.source_data import TABLE, Source, base64_text, image_bytes

REACT_APP = Path(settings.REACT_APP_ROOT)
GALLERY = sorted(Path(label_studio.__file__).parent.glob("annotation_templates/**/config.yml"))
PATHS = ["preview", "sample", "tables", "picture"]


@pytest.fixture
def operator(api: Any, commands_database: None) -> Any:
    return api


@pytest.mark.parametrize("path", PATHS)
def test_strangers_are_sent_to_the_login(path: str, db: None) -> None:
    assert Client().get(f"/polardb/templates/{path}").status_code == 302


def test_the_editor_is_where_the_frontend_loads_it_from() -> None:
    """Where this fails, Label Studio's frontend is built in another way: see label_studio/preview.py and preview.js."""
    editor = find_editor(REACT_APP)
    assert editor is not None
    # Pages load the first two by other names (vendor.js, main.js); the others are files of these numbers.
    assert sum((REACT_APP / f"{number}.js").exists() for number in editor.chunks) >= len(editor.chunks) - 1
    [part] = [
        text
        for number in editor.chunks
        if (REACT_APP / f"{number}.js").exists()
        if "window.LabelStudio=" in (text := (REACT_APP / f"{number}.js").read_text(encoding="utf-8"))
    ]
    assert re.search(rf"[{{,]{editor.module}:", part)
    assert 'reactVersion)==="v18"' in part or re.search(r'"v18"===\(?[^;]{0,60}reactVersion', part)
    main = (REACT_APP / "main.js").read_text(encoding="utf-8")
    # Files put themselves into this list, with what starts the frontend in the third place.
    assert re.search(
        r"\(self\.webpackChunklabelstudio=self\.webpackChunklabelstudio\|\|\[\]\)\.push\(\[\[\d+\],\{", main
    )
    assert re.search(r"\},\w=>\{\w\.O\(0,\[\d+\],", main[-300:])
    # The styles that starting it would write into the page.
    assert len(re.findall(r"\.push\(\[\w+\.id,", main)) == 1
    for name in ("Figtree-Regular.ttf", "Figtree-SemiBold.ttf"):
        assert finders.find(f"fonts/{name}")
        assert name in (REACT_APP / "main.css").read_text(encoding="utf-8")


def test_the_tags_of_the_editor_are_known() -> None:
    """Where this fails, Label Studio's editor has other tags: see labeling/own_config.py."""
    registered = set()
    for path in REACT_APP.glob("*.js"):
        registered |= set(re.findall(r"""\.addTag\(["'](\w+)["'],""", path.read_text(encoding="utf-8")))
    # Regions are drawn, and a Repeater is gone when tags are looked up.
    regions = {name for name in registered if name.endswith("region")}
    assert registered - regions - SCRIPT_TAGS == EDITOR_TAGS - {"repeater"}
    assert registered & SCRIPT_TAGS == {"custominterface"}


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.parent.name)
def test_each_of_label_studios_templates_has_a_sample_task(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
    found = sample_task(config, "my text")
    json.dumps(found.data)
    if '<Text name="text" value="$text"' in config:
        assert found.data["text"] == "my text"
    if '<Image name="image" value="$image"' in config:
        assert found.pictures == {"image": False}


def test_a_field_that_no_task_can_have_has_no_sample() -> None:
    config = (
        '<View><Text name="t" value="$pages["/><Image name="i" value="$image"/><Rating name="r" toName="t"/></View>'
    )
    assert sample_task(config, "my text") == SampleTask({}, {"image": False})


def test_a_frontend_that_is_not_known_has_no_preview(
    operator: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "main.js").write_text("Promise.all([n.e(1),n.e(2)]).then(n.bind(n,3))")
    find_editor.cache_clear()
    assert find_editor(tmp_path) is None
    (tmp_path / "2.js").write_text("window.LabelStudio=A")
    find_editor.cache_clear()
    assert find_editor(tmp_path) == Editor((1, 2), 3)
    shutil.rmtree(tmp_path)
    find_editor.cache_clear()
    monkeypatch.setattr(templates, "editor", lambda: find_editor(tmp_path))
    page = operator.get("/polardb/templates/1/form").text
    assert "so there is no preview" in page
    assert "<iframe" not in page
    find_editor.cache_clear()


def test_the_frame_is_a_sandbox_and_the_page_may_hold_it(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def policy(path: str) -> dict[str, str]:
        header = operator.get(path)["Content-Security-Policy"]
        return dict(part.strip().partition(" ")[::2] for part in header.split(";"))

    frame = policy("/polardb/templates/preview")
    assert frame["sandbox"] == "allow-scripts"
    assert frame["connect-src"] == frame["img-src"] == "'self' data: blob:"
    assert frame["frame-ancestors"] == "'self'"
    assert "unsafe-inline" not in frame["script-src"]
    for path in ("/polardb/templates/1/", "/polardb/templates/1/form"):
        assert "'self'" in policy(path)["frame-src"].split()
    assert "'self'" not in policy("/polardb/")["frame-src"].split()
    page = operator.get("/polardb/templates/1/form").text
    assert re.search(r'<iframe[^>]* sandbox="allow-scripts"></iframe>', page)
    # Where nobody else may frame our pages, this one is still framed by ours.
    for configured, expected in (("'none'", "'self'"), ("https://a.example", "'self' https://a.example")):
        monkeypatch.setenv("POLARDB_FRAME_ANCESTORS", configured)
        assert policy("/polardb/templates/preview")["frame-ancestors"] == expected


def test_pictures_are_those_of_rows(operator: Any, source: Source) -> None:
    def picture(**query: Any) -> Any:
        return operator.get("/polardb/templates/picture", {"table": TABLE, **query}).json()

    assert operator.get("/polardb/templates/tables").json() == {"tables": [TABLE]}
    assert picture() == {"problem": "The table has no rows."}
    data = image_bytes("PNG")
    source.add(("<b>one.png", base64_text(data)), ("two.png", "%%%"))
    first = picture()
    assert (first["row_id"], first["original_name"], first["problem"]) == (1, "<b>one.png", "")
    assert first["image"] == "data:image/png;base64," + base64.b64encode(data).decode()
    second = picture(after=1)
    assert (second["row_id"], second["image"]) == (2, "")
    assert "not base64" in second["problem"]
    assert picture(after=2) == first
    for after in ("x", "-1", "9" * 30, "²"):
        assert picture(after=after) == first
    for table in ("mysql.user", "nothing", "annotation_template", "", "a`b"):
        assert set(picture(table=table)) == {"problem"}
    sample = operator.get("/polardb/templates/sample").json()
    assert sample["image"].startswith("data:image/svg+xml;base64,")
    styles = operator.get("/polardb/templates/preview.css").text
    assert re.findall(r"font-weight:(\d+);src:url\(data:font/ttf;base64,", styles) == ["400", "500"]
    # All that has an address is in the text: a sandbox gets nothing from elsewhere, or it is said in the console.
    assert not re.findall(r"""url\((?!["']?data:)""", styles)
    assert operator.get("/polardb/templates/preview").text.count('rel="stylesheet"') == 1


def test_a_picture_that_is_too_large_is_said(operator: Any, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    source.add_images(1)
    monkeypatch.setattr("polardb_bridge.table.preview.MAX_ROW_BYTES", 10)
    found = operator.get("/polardb/templates/picture", {"table": TABLE}).json()
    assert (found["image"], found["problem"]) == ("", "the image is too large for the preview")


def test_a_database_that_hangs_is_said(operator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "TIME_LIMIT_S", 1.0)
    with hostile_server(talk=silence) as silent:
        monkeypatch.setenv("POLARDB_URL", f"mysql://root@127.0.0.1:{silent.port}/labeling")
        began = time.monotonic()
        for path in ("tables", "picture"):
            assert "problem" in operator.get(f"/polardb/templates/{path}", {"table": TABLE}).json()
        assert operator.get("/polardb/templates/preview").status_code == 200
        assert time.monotonic() - began < 8
