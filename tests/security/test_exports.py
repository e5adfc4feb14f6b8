"""An export with its files: whose files those are."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.core.files.base import ContentFile

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.label_studio.exports import may_hold
from support.source_data import image_bytes
from support.ways_in import EMAIL, log_in

CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels></View>'
)
REGION = {
    "from_name": "label",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 10,
    "original_height": 10,
    "value": {"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0, "rectanglelabels": ["cat"]},
}


@pytest.fixture
def uploads(deployment: Deployment, ordinary: Any, settings: Any, tmp_path: Any) -> tuple[Any, Any]:
    """A file of the deployment's own, and one of somebody else's project."""
    from data_import.models import FileUpload
    from projects.models import Project

    settings.MEDIA_ROOT = str(tmp_path)
    theirs = Project.objects.create(title="T", organization=ordinary.active_organization, created_by=ordinary)
    return (
        FileUpload.objects.create(
            user=deployment.user, project=deployment.project, file=ContentFile(image_bytes(), "own.png")
        ),
        FileUpload.objects.create(user=ordinary, project=theirs, file=ContentFile(image_bytes(), "theirs.png")),
    )


def test_an_export_holds_no_file_of_others(deployment: Deployment, uploads: tuple[Any, Any]) -> None:
    from tasks.models import Annotation, Task

    deployment.project.label_config = CONFIG
    deployment.project.save()
    for file in uploads:
        for url in (
            f"/data/{file.file.name}",
            f"/{file.file.name}",
            f"/storage-data/uploaded/?filepath={file.file.name}",
        ):
            task = Task.objects.create(project=deployment.project, data={"image": url})
            Annotation.objects.create(task=task, project=deployment.project, result=[REGION])
    browser, _ = log_in(EMAIL)
    answer = browser.get(
        f"/api/projects/{deployment.project_id}/export?exportType=YOLO_WITH_IMAGES&download_resources=true"
    )
    assert answer.status_code == 200, answer.content[:500]
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    names = [name for name in archive.namelist() if "images" in name]
    assert any("own" in name for name in names), archive.namelist()
    assert not any("theirs" in name for name in names), archive.namelist()


@pytest.mark.parametrize(
    "url",
    [
        "/data/{}",
        "data/{}",
        "/{}",
        "{}",
        "/data/upload/../{}",
        "/storage-data/uploaded/?filepath={}",
        "/storage-data/uploaded/?a=1&filepath=%2F{}",
        "https://labels.example.com/storage-data/uploaded/?filepath={}",
    ],
)
def test_only_uploads_of_the_same_organization_count(
    deployment: Deployment, uploads: tuple[Any, Any], url: str
) -> None:
    own, theirs = uploads
    assert may_hold(deployment.project, url.format(own.file.name))
    assert not may_hold(deployment.project, url.format(theirs.file.name))


@pytest.mark.parametrize(
    "url", ["/data/polardb/?d=1/2/3.jpg", "https://example.com/upload/1/x.png", "s3://a/b.png", ""]
)
def test_what_is_no_upload_is_left_to_label_studio(deployment: Deployment, url: str) -> None:
    assert may_hold(deployment.project, url)
