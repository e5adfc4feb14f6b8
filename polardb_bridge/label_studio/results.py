"""Results that programs send: lists of regions, or nothing that can be used."""

from __future__ import annotations

import json
from functools import wraps
from typing import Any

from rest_framework.exceptions import ValidationError


def check_results() -> None:
    """Refuse results of annotations and drafts that are no lists of objects, sent by themselves or with a task.

    Label Studio looks at the list only, and answers 500 when it counts regions (tasks/models.py, Annotation.save), or
    keeps what no page shows.
    """
    from tasks.serializers import AnnotationDraftSerializer, AnnotationSerializer
    from tasks.validation import TaskValidator

    validate = TaskValidator.validate

    def validate_result(self: Any, value: Any) -> Any:
        return regions(value)

    @wraps(validate)
    def validate_task(self: Any, task: Any) -> Any:
        validated = validate(self, task)
        if isinstance(task, dict) and "data" in task:
            for made in (task.get("annotations") or []) + (task.get("drafts") or []):
                if isinstance(made, dict) and "result" in made:
                    regions(made["result"])
            for prediction in task.get("predictions") or ():
                # Of predictions, the others stand for one region (Prediction.prepare_prediction_result).
                if isinstance(prediction, dict) and not isinstance(prediction["result"], (dict, str, int)):
                    regions(prediction["result"])
        return validated

    AnnotationSerializer.validate_result = validate_result
    AnnotationDraftSerializer.validate_result = validate_result
    TaskValidator.validate = validate_task


def regions(result: Any) -> list[dict[str, Any]]:
    """The regions of a result, which may be written as JSON in a text.

    Raises:
        ValidationError: it is none.
    """
    if isinstance(result, str):
        try:
            result = json.loads(result)
        except (ValueError, RecursionError):
            result = None
    if not isinstance(result, list) or not all(isinstance(region, dict) for region in result):
        raise ValidationError("A result is a list of objects, each a region.")
    return result
