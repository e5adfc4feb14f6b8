"""Some kilobytes of a result make no export of gigabytes."""

from __future__ import annotations

import inspect
import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pytest
from label_studio_sdk.converter import brush
from PIL import Image
from rest_framework.exceptions import ValidationError

from polardb_bridge.label_studio import expansion
from support.memory import begin_peak, peak

VIDEO = (
    '<View><Labels name="labels" toName="video"><Label value="cat"/></Labels><Video name="video" value="$video"/>'
    '<VideoRectangle name="box" toName="video"/></View>'
)
BRUSH = (
    '<View><Image name="image" value="$image"/>'
    '<BrushLabels name="label" toName="image"><Label value="cat"/></BrushLabels></View>'
)
MASKS = ["BRUSH_TO_NUMPY", "BRUSH_TO_PNG", "BRUSH_TO_COCO"]
encode: Any = brush.encode_rle


def key_frame(number: Any, **more: Any) -> dict[str, Any]:
    return {
        "frame": number, "enabled": True, "x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0, "time": 0.5, **more
    }  # fmt: skip


def track(frames: Any, *keys: dict[str, Any]) -> dict[str, Any]:
    value = {"framesCount": frames, "duration": 10, "sequence": list(keys), "labels": ["cat"]}
    return {"id": "a", "from_name": "box", "to_name": "video", "type": "videorectangle", "value": value}


def mask(width: Any, height: Any, rle: Any, *labels: str) -> dict[str, Any]:
    return {
        "id": "a", "from_name": "label", "to_name": "image", "type": "brushlabels", "original_width": width,
        "original_height": height,
        "value": {"format": "rle", "rle": rle, "brushlabels": list(labels or ("cat",))},
    }  # fmt: skip


def bomb(values: int) -> list[int]:
    """Some kilobytes that stand for many values: runs of 65,536 zeros."""
    header = f"{values:032b}" + f"{7:05b}" + f"{15:04b}" * 4
    bits = header + ("1" + "00" + "1" * 16 + "0" * 8) * -(-values // 65_536)
    bits += "0" * (-len(bits) % 8)
    return list(int(bits, 2).to_bytes(len(bits) // 8, "big"))


@pytest.fixture
def annotated(user: Any, settings: Any, tmp_path: Any) -> Any:
    """A project of a configuration, with a task for each result."""
    from projects.models import Project
    from tasks.models import Annotation, Task

    settings.EXPORT_DIR = settings.DELAYED_EXPORT_DIR = str(tmp_path)

    def make(config: str, *results: dict[str, Any]) -> Any:
        project = Project.objects.create(
            title="T", organization=user.active_organization, created_by=user, label_config=config
        )
        for result in results:
            task = Task.objects.create(project=project, data={"image": "/x.png", "video": "/x.mp4"})
            Annotation.objects.create(task=task, project=project, result=[result], completed_by=user)
        return project

    return make


@pytest.fixture
def thrifty() -> Iterator[None]:
    """What the test does takes neither time nor memory."""
    before, started = begin_peak(), time.monotonic()
    yield
    assert time.monotonic() - started < 5
    assert peak() - before < 200e6


def export(api: Any, project: Any, query: str) -> bytes:
    answer = api.get(f"/api/projects/{project.pk}/export?{query}")
    assert answer.status_code == 200, answer.content
    content: bytes = b"".join(answer.streaming_content)
    return content


def refusal(api: Any, project: Any, query: str) -> str:
    answer = api.get(f"/api/projects/{project.pk}/export?{query}")
    assert answer.status_code == 400, answer.status_code
    [text] = answer.json()["validation_errors"]["non_field_errors"]
    return str(text)


@pytest.mark.parametrize(
    "result",
    [
        track(1_500_000, key_frame(1), key_frame(1_499_999)),
        track(1_500_000, key_frame(1)),
        track(10**30, key_frame(1)),
        # Each frame between is a copy of its key frame.
        track(2000, key_frame(1, more="x" * 1_000_000), key_frame(2000)),
    ],
)
def test_key_frames_that_stand_for_too_many_are_refused(result: Any, annotated: Any, api: Any, thrifty: None) -> None:
    project = annotated(VIDEO, result)
    text = refusal(api, project, "exportType=JSON&interpolate_key_frames=true")
    assert f"task {project.tasks.get().pk} stand for" in text
    assert "export fewer tasks at once, or without interpolated frames" in text
    assert export(api, project, "exportType=JSON")


def test_the_limit_of_frames_is_that_of_the_export(annotated: Any, api: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(expansion, "MAX_FRAMES", 100)
    monkeypatch.setattr("data_export.api.batch", lambda ids, size: ([i] for i in ids))
    project = annotated(VIDEO, track(60, key_frame(1), key_frame(30)), track(60, key_frame(1)))
    first, second = project.tasks.order_by("pk")
    query = "exportType=JSON&interpolate_key_frames=true"
    assert f"up to task {second.pk} stand for 121 frames" in refusal(api, project, query)
    for task in (first, second):
        assert b'"auto":true' in export(api, project, f"{query}&ids[]={task.pk}")


@pytest.mark.parametrize("result", [track("many", key_frame(1)), track(10, key_frame("1")), track(10, {"frame": 1})])
def test_damaged_key_frames_are_told(result: Any, annotated: Any, api: Any) -> None:
    project = annotated(VIDEO, result)
    assert "are damaged" in refusal(api, project, "exportType=JSON&interpolate_key_frames=true")


@pytest.mark.filterwarnings("ignore:DateTimeField Export.finished_at")  # Label Studio's
def test_a_snapshot_is_refused_as_well(annotated: Any, api: Any, thrifty: None) -> None:
    project = annotated(VIDEO, track(1_500_000, key_frame(1)))
    answer = api.post(
        f"/api/projects/{project.pk}/exports/",
        {"serialization_options": {"interpolate_key_frames": True}},
        format="json",
    )
    assert answer.status_code == 400, answer.content
    assert "stand for 1,500,000 frames" in answer.content.decode()
    assert project.exports.get().status == "failed"


@pytest.mark.parametrize(
    ("keys", "total"),
    [
        ([key_frame(1), key_frame(10)], 60),
        ([key_frame(10), key_frame(1), key_frame(1)], 60),
        ([key_frame(5, enabled=False), key_frame(20)], 50),
        ([key_frame(5), key_frame(20, enabled=False)], 50),
    ],
)
def test_no_fewer_frames_are_counted_than_made(keys: list[dict[str, Any]], total: int) -> None:
    from label_studio_sdk._extensions.label_studio_tools.postprocessing import video

    result = track(total, *keys)
    extract: Any = video.extract_key_frames
    made = len(extract([result])[0]["value"]["sequence"]) - len(keys)
    counted = expansion.frames_of([result])
    assert made <= counted <= made + 2 * len(keys)


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize(
    ("width", "height", "values", "said"),
    [
        (16_000, 16_000, 16_000 * 16_000 * 4, "too large to export"),
        (10, 10, 2**32 - 1, "has not the size of its image"),
        (16_000, 16_000, 400, "has not the size of its image"),
        (None, 10, 400, "has not the size of its image"),
        ("10", 10, 400, "has not the size of its image"),
    ],
)
def test_masks_that_stand_for_too_much_are_refused(
    kind: str, width: Any, height: Any, values: int, said: str, annotated: Any, api: Any, thrifty: None
) -> None:
    project = annotated(BRUSH, mask(width, height, bomb(values)))
    text = refusal(api, project, f"exportType={kind}")
    assert said in text
    assert f"task {project.tasks.get().pk} " in text
    assert export(api, project, "exportType=JSON")


@pytest.mark.parametrize(
    ("limit", "said"), [("MAX_TASK_PIXELS", "masks of task 1 are too large"), ("MAX_EXPORT_PIXELS", "fewer tasks")]
)
def test_masks_are_limited_together(limit: str, said: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(expansion, limit, 150)
    value = mask(10, 10, bomb(400))["value"] | {"original_width": 10, "original_height": 10}
    item = {"id": 1, "output": {"label": [value]}}
    assert list(expansion.checked([item])) == [item]
    with pytest.raises(ValidationError, match=said):
        list(expansion.checked([item, item]))


def test_a_mask_counts_once_a_label(monkeypatch: Any) -> None:
    """For COCO it is unpacked so often."""
    monkeypatch.setattr(expansion, "MAX_TASK_PIXELS", 150)
    value = mask(10, 10, bomb(400), "cat", "dog")["value"] | {"original_width": 10, "original_height": 10}
    with pytest.raises(ValidationError):
        list(expansion.checked([{"id": 1, "output": {"label": [value]}}]))


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_people_are_exported_as_they_are(kind: str, annotated: Any, api: Any) -> None:
    drawn = np.zeros((30, 40), dtype=np.uint8)
    drawn[5:20, 10:30] = 255
    project = annotated(BRUSH, mask(40, 30, encode(np.repeat(drawn.ravel(), 4))))
    file = io.BytesIO(export(api, project, f"exportType={kind}"))
    if kind == "BRUSH_TO_COCO":
        [found] = json.loads(zipfile.ZipFile(file).read("result_coco.json"))["annotations"]
        assert found["bbox"] == [10, 5, 20, 15]
    else:
        found = np.load(file) if kind == "BRUSH_TO_NUMPY" else np.asarray(Image.open(file))
        assert (found == drawn).all()


def test_masks_are_unpacked_as_before() -> None:
    random = np.random.default_rng(1)
    values = np.repeat(random.integers(0, 256, 300, dtype=np.uint8), 4)
    packed = encode(values)
    unpack, bit = cast(Any, brush).decode_rle, cast(Any, brush).access_bit
    assert (unpack.__wrapped__(packed) == values).all()
    assert (unpack(packed)[:, 3] == values[3::4]).all()
    data = [0, 1, 255, 256, 511]
    assert expansion.bits_of(data) == "".join(str(bit(data, i)) for i in range(40))
    assert expansion.bits_of([]) == ""


def test_label_studio_still_expands_by_the_functions_that_are_wrapped() -> None:
    from data_export import api, mixins, serializers
    from label_studio_sdk.converter import converter
    from label_studio_sdk.converter.exports import brush_to_coco

    assert "return extract_key_frames(obj.result)" in inspect.getsource(serializers.AnnotationSerializer.get_result)
    assert "self.context.get('interpolate_key_frames', False)" in inspect.getsource(serializers)
    for wrapped in (
        api.ExportAPI.get,
        mixins.ExportMixin.export_to_file,
        serializers.AnnotationSerializer.get_result,
        brush.convert_task_dir,
        brush.decode_rle,
        brush_to_coco.convert_to_coco,
    ):
        assert wrapped.__globals__ is vars(expansion), wrapped
    source = inspect.getsource(converter)
    assert source.count("brush.convert_task_dir(items, output_data, out_format=") == 2
    assert "from label_studio_sdk.converter.exports.brush_to_coco import convert_to_coco" in source
    assert "brush_module.decode_rle(rle)" in inspect.getsource(brush_to_coco)
    assert "np.reshape(image, [height, width, 4])[:, :, 3]" in inspect.getsource(brush)
