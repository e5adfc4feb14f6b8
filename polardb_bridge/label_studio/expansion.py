"""Exports that expand what results hold: the frames between key frames, and masks that are packed (RLE).

Some kilobytes of either can stand for gigabytes, so they are counted first.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any

from rest_framework.exceptions import ValidationError

MAX_FRAMES = 250_000  # of an export
MAX_MASK_PIXELS = 100_000_000  # of one mask
MAX_TASK_PIXELS = 500_000_000  # of all masks of a task
MAX_EXPORT_PIXELS = 4_000_000_000

# Key frames are copied with all that they hold: a longer one counts as several.
_CHARACTERS_OF_A_FRAME = 1000


@dataclass
class _Frames:
    """What one export has expanded so far, and why it was refused."""

    count: int = 0
    refusal: ValidationError | None = None

    def add(self, task_id: Any, results: list[Any]) -> None:
        try:
            self.count += frames_of(results)
        except (AttributeError, KeyError, TypeError):
            self.refusal = ValidationError(
                f"The key frames of task {task_id} are damaged: export without it, or without interpolated frames."
            )
            raise self.refusal from None
        if self.count > MAX_FRAMES:
            self.refusal = ValidationError(
                f"The key frames up to task {task_id} stand for {self.count:,} frames, and an export has at most "
                f"{MAX_FRAMES:,}: export fewer tasks at once, or without interpolated frames."
            )
            raise self.refusal


_frames: ContextVar[_Frames | None] = ContextVar("expanded_frames", default=None)


def limit_frames() -> None:
    """Refuse exports that would interpolate more than `MAX_FRAMES` frames (data_export/serializers.py, get_result)."""
    from data_export.api import ExportAPI
    from data_export.mixins import ExportMixin
    from data_export.serializers import AnnotationSerializer

    get, export, result_of = ExportAPI.get, ExportMixin.export_to_file, AnnotationSerializer.get_result

    @wraps(get)
    def get_export(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        with _counting():
            return get(self, request, *args, **kwargs)

    @wraps(export)
    def export_to_file(self: Any, *args: Any, **kwargs: Any) -> None:
        with _counting() as frames:
            export(self, *args, **kwargs)
        if frames.refusal:
            raise frames.refusal  # what it caught itself, to mark the export as failed

    @wraps(result_of)
    def get_result(self: Any, obj: Any) -> Any:
        if obj.result and self.context.get("interpolate_key_frames", False):
            (_frames.get() or _Frames()).add(obj.task_id, obj.result)
        return result_of(self, obj)

    ExportAPI.get = get_export
    ExportMixin.export_to_file = export_to_file
    AnnotationSerializer.get_result = get_result


@contextmanager
def _counting() -> Iterator[_Frames]:
    frames = _Frames()
    token = _frames.set(frames)
    try:
        yield frames
    finally:
        _frames.reset(token)


def frames_of(results: list[Any]) -> int:
    """How many frames the results' key frames become (postprocessing/video.py, extract_key_frames).

    Raises:
        AttributeError, KeyError, TypeError: they are none that can be interpolated.
    """
    count = 0
    for result in results:
        if result["type"].lower() != "videorectangle":
            continue
        value = result["value"]
        keys = sorted(value["sequence"], key=operator.itemgetter("frame"))
        ends = [key["frame"] for key in keys[1:]] + [value.get("framesCount", 0)]
        for key, end in zip(keys, ends, strict=False):
            if key["enabled"]:
                between = max(0, operator.index(end - key["frame"] + 1))
                count += between * (1 + len(json.dumps(key)) // _CHARACTERS_OF_A_FRAME)
    return count


def limit_masks() -> None:
    """Refuse exports whose masks are larger than they may be, and unpack the others with less memory.

    All formats take the masks from these functions (label_studio_sdk/converter): they unpack four channels and use one.
    """
    from label_studio_sdk.converter import brush
    from label_studio_sdk.converter.exports import brush_to_coco

    modules: list[Any] = [brush, brush_to_coco]
    for module, name in zip(modules, ("convert_task_dir", "convert_to_coco"), strict=True):
        setattr(module, name, _checking(getattr(module, name)))
    decode: Any = brush.decode_rle

    @wraps(decode)
    def decode_rle(rle: Any, *args: Any, **kwargs: Any) -> Any:
        alpha = decode(rle, *args, **kwargs)[3::4].copy()
        return modules[0].np.broadcast_to(alpha[:, None], (len(alpha), 4))

    modules[0].decode_rle = decode_rle
    modules[0].bytes2bit = bits_of


def bits_of(data: Iterable[int]) -> str:
    """The bytes as zeros and ones: what `bytes2bit` answers, which takes 70 bytes of memory for each."""
    values = bytes(value & 255 for value in data)
    return f"{int.from_bytes(values, 'big'):0{8 * len(values)}b}" if values else ""


def _checking(convert: Any) -> Any:
    @wraps(convert)
    def convert_checked(items: Any, *args: Any, **kwargs: Any) -> Any:
        return convert(checked(items), *args, **kwargs)

    return convert_checked


def checked(items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The items of an export, each an annotation of a task, as long as their masks may be unpacked.

    Raises:
        ValidationError: those of the next one may not.
    """
    of_task, of_export, task_id = 0, 0, None
    for item in items:
        if item["id"] != task_id:
            task_id, of_task = item["id"], 0
        for mask in _masks(item):
            pixels = _pixels(mask, task_id)
            of_task += pixels
            of_export += pixels
            if pixels > MAX_MASK_PIXELS or of_task > MAX_TASK_PIXELS:
                raise ValidationError(
                    f"The masks of task {task_id} are too large to export: a mask has at most {MAX_MASK_PIXELS:,} "
                    f"pixels, and all of a task {MAX_TASK_PIXELS:,}. Export without this task, or as JSON."
                )
            if of_export > MAX_EXPORT_PIXELS:
                raise ValidationError(
                    f"The masks up to task {task_id} are too large for one export, which has at most "
                    f"{MAX_EXPORT_PIXELS:,} pixels: export fewer tasks at once, or as JSON."
                )
        yield item


def _masks(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each as often as it may be unpacked: for COCO, once a label (exports/brush_to_coco.py)."""
    for results in item["output"].values():
        for result in results:
            if "rle" in result:
                yield from [result] * max(1, len(result.get("brushlabels") or ()))


def _pixels(mask: dict[str, Any], task_id: Any) -> int:
    """How many pixels it unpacks to: its first four bytes are the number of values, of which a pixel has four."""
    rle = mask["rle"].encode() if isinstance(mask["rle"], str) else mask["rle"]
    size: list[Any] = [mask.get("original_width"), mask.get("original_height")]
    try:
        values = int(bits_of(rle[:4]), 2)
        pixels = operator.index(size[0]) * operator.index(size[1])
    except (TypeError, ValueError):
        values, pixels = 0, -1
    if values != pixels * 4:
        raise ValidationError(
            f"A mask of task {task_id} has not the size of its image: draw it again, or export without this task or as "
            "JSON."
        )
    return pixels
