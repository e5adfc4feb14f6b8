"""How much one request may hold: what Label Studio takes without a limit, and works on for minutes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from itertools import islice
from types import SimpleNamespace
from typing import Any

from rest_framework.exceptions import ValidationError

from polardb_bridge.limits import Limits

MAX_SAMPLE_COLUMNS = 500

# Of the names of a table's columns, or the values of its first row.
_LINE_BYTES = 16 * 1024 * 1024


def limit_requests(limits: Callable[[], Limits]) -> None:
    """Refuse what has more than `limits()` of anything, with status 400."""
    _limit_bodies(limits)
    _limit_config_depth(limits)
    _limit_filters(limits)
    _limit_columns(limits)
    _limit_samples()


def _limit_bodies(limits: Callable[[], Limits]) -> None:
    """Look at each body that the API has read, before any view does.

    JSON that is nested deeply ended in Python's own limit somewhere, and a body that is a number or null in whatever
    took it for an object: both with status 500.
    """
    from django.http import QueryDict
    from django.utils.datastructures import MultiValueDict
    from rest_framework.request import Request

    parse = Request._parse

    @wraps(parse)
    def parse_within_limits(self: Any) -> Any:
        most = limits()
        try:
            data, files = parse(self)
            _check_nesting(data, most.nesting)
        except RecursionError:
            problem: ValidationError | None = _too_deep(most.nesting)
        except ValidationError as error:
            problem = error
        else:
            problem = _config_problem(data, most.config_length)
        if problem:
            # As the original does it: nothing reads the body once more.
            self._data = self._full_data = QueryDict("")
            self._files = MultiValueDict()
            raise problem
        return data, files

    Request._parse = parse_within_limits


def _check_nesting(data: Any, most: int) -> None:
    if not isinstance(data, (dict, list)):
        raise ValidationError("The body of a request is a JSON object or array.")
    level = [data]
    for _ in range(most + 1):
        level = [
            value
            for parent in level
            for value in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(value, (dict, list))
        ]
        if not level:
            return
    raise _too_deep(most)


def _too_deep(most: int) -> ValidationError:
    return ValidationError(f"JSON is nested at most {most:,} levels deep here (POLARDB_MAX_NESTING).")


def _config_problem(data: Any, most: int) -> ValidationError | None:
    config = data.get("label_config") if isinstance(data, Mapping) else None
    if not isinstance(config, str) or len(config) <= most:
        return None
    return ValidationError(
        f"The labeling configuration has {len(config):,} characters, and at most {most:,} are taken "
        "(POLARDB_MAX_CONFIG_LENGTH)."
    )


def check_config(config: str, most: Limits) -> None:
    """See that a labeling configuration that no request has brought is within `most`.

    Raises:
        ValidationError: it is not.
    """
    from core import label_config

    if problem := _config_problem({"label_config": config}, most.config_length):
        raise problem
    _check_depth(label_config.parse_config_to_xml(config), most.config_depth)


def _limit_config_depth(limits: Callable[[], Limits]) -> None:
    """Look how deeply a labeling configuration is nested before it is checked (core/label_config.py).

    With the length, that bounds the time: a schema is applied to all that stands below a tag, for each tag.
    """
    from core import label_config

    parse = label_config.parse_config_to_json

    @wraps(parse)
    def parse_config_to_json(config_string: str | None) -> Any:
        parsed = parse(config_string)
        _check_depth(label_config.parse_config_to_xml(config_string), limits().config_depth)
        return parsed

    label_config.parse_config_to_json = parse_config_to_json


def _check_depth(root: Any, most: int) -> None:
    if _depth(root) > most:
        raise ValidationError(
            f"The tags of a labeling configuration are nested at most {most:,} levels deep (POLARDB_MAX_CONFIG_DEPTH)."
        )


def _depth(root: Any) -> int:
    level, depth = [root], 0
    while level:
        level, depth = [child for parent in level for child in parent], depth + 1
    return depth


def _limit_filters(limits: Callable[[], Limits]) -> None:
    """Count the filters of a view of the Data Manager when it is saved, and of each request when they are used."""
    from data_manager import managers
    from data_manager.serializers import ViewSerializer

    save, apply = ViewSerializer.to_internal_value, managers.apply_filters

    @wraps(save)
    def to_internal_value(self: Any, data: Any) -> Any:
        _check_filters(_filters_of_view(data), limits().filters)
        return save(self, data)

    @wraps(apply)
    def apply_filters(queryset: Any, filters: Any, *args: Any, **kwargs: Any) -> Any:
        if filters:
            _check_filters(filters.items, limits().filters)
        return apply(queryset, filters, *args, **kwargs)

    ViewSerializer.to_internal_value = to_internal_value
    managers.apply_filters = apply_filters


def _filters_of_view(view: Any) -> Iterator[Any]:
    """The filters in both forms that a view is saved in."""
    shown = view.get("data") if isinstance(view, dict) else None
    for parent, name, items in ((shown, "filters", "items"), (view, "filter_group", "filters")):
        group = parent.get(name) if isinstance(parent, dict) else None
        found = group.get(items) if isinstance(group, dict) else None
        yield from found if isinstance(found, list) else ()


def _check_filters(found: Iterable[Any], most: int) -> None:
    if sum(1 for _ in islice(_with_children(found), most + 1)) > most:
        problem = f"A view has at most {most:,} filters (POLARDB_MAX_FILTERS)."
        raise ValidationError({"filters": [problem]})


def _with_children(found: Iterable[Any]) -> Iterator[Any]:
    for one in found:
        while one:
            yield one
            one = one.get("child_filter") if isinstance(one, dict) else getattr(one, "child_filter", None)


def _limit_columns(limits: Callable[[], Limits]) -> None:
    """Count the columns of a table (CSV, TSV) before pandas makes an array of each (data_import/models.py).

    And the fields of each task in JSON, which are columns of the Data Manager then.
    """
    from data_import import models
    from tasks.validation import TaskValidator

    read, check = models.pd.read_csv, TaskValidator.check_data

    @wraps(read)
    def read_csv(file: Any, sep: str) -> Any:
        most = limits().columns
        try:
            try:
                too_many = any(len(row) > most for row in islice(csv.reader(_lines(file), delimiter=sep), 2))
            except (csv.Error, _LongLineError):
                too_many = True
            if too_many:
                raise _too_many_columns(most)
            file.seek(0)
            return read(file, sep=sep)
        finally:
            file.close()  # Label Studio leaves it to the garbage collector

    @wraps(check)
    def check_data(project: Any, data: Any) -> Any:
        most = limits().columns
        if isinstance(data, dict) and len(data) > most:
            raise _too_many_columns(most)
        return check(project, data)

    models.pd = SimpleNamespace(read_csv=read_csv)
    TaskValidator.check_data = staticmethod(check_data)


def _too_many_columns(most: int) -> ValidationError:
    return ValidationError([f"Tasks have at most {most:,} columns (POLARDB_MAX_COLUMNS)."])


class _LongLineError(Exception):
    """The first rows take more than they may."""


def _lines(file: Any) -> Iterator[str]:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
    left = _LINE_BYTES
    try:
        while line := text.readline(left):
            left -= len(line)
            if left <= 0:
                raise _LongLineError
            if line.strip():
                yield line
    finally:
        text.detach()  # or it would close the file


def _limit_samples() -> None:
    """Refuse samples of a time series with very many columns: strangers may ask for them (core/views.py)."""
    from core import views
    from django.core.exceptions import BadRequest

    generate = views.generate_time_series_json

    @wraps(generate)
    def generate_time_series_json(time_column: str, value_columns: Any, *args: Any, **kwargs: Any) -> Any:
        if len(value_columns[: MAX_SAMPLE_COLUMNS + 1]) > MAX_SAMPLE_COLUMNS:
            raise BadRequest
        return generate(time_column, value_columns, *args, **kwargs)

    views.generate_time_series_json = generate_time_series_json
