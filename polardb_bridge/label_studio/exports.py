"""What exports put into their archives: files of the project's own organization only.

The converter takes uploaded files from the disk by the path that a task names, whoever's they are
(label_studio_sdk, converter and get_local_path).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_project: ContextVar[Any] = ContextVar("exported_project", default=None)


def keep_files_to_their_organization() -> None:
    """Leave files out of an export that belong to other organizations than the exported project."""
    from data_export.mixins import ExportMixin
    from data_export.models import DataExport
    from label_studio_sdk._extensions.label_studio_tools.core.utils import io
    from label_studio_sdk.converter import converter
    from label_studio_sdk.converter.exports import doclang

    generate: Any = DataExport.generate_export_file
    convert = ExportMixin.convert_file
    find: Any = io.get_local_path

    @wraps(generate)
    def generate_export_file(project: Any, *args: Any, **kwargs: Any) -> Any:
        with _exporting(project):
            return generate(project, *args, **kwargs)

    @wraps(convert)
    def convert_file(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _exporting(self.project):
            return convert(self, *args, **kwargs)

    @wraps(find)
    def get_local_path(url: str, *args: Any, **kwargs: Any) -> Any:
        project = _project.get()
        if project is not None and not may_hold(project, url):
            raise FileNotFoundError(f"Not a file of this project: {url}")  # as for local files that may not be read
        return find(url, *args, **kwargs)

    DataExport.generate_export_file = staticmethod(generate_export_file)
    ExportMixin.convert_file = convert_file
    modules: list[Any] = [io, converter, doclang]
    for module in modules:
        module.get_local_path = get_local_path


@contextmanager
def _exporting(project: Any) -> Iterator[None]:
    token = _project.set(project)
    try:
        yield
    finally:
        _project.reset(token)


def may_hold(project: Any, url: str) -> bool:
    """Whether an export of `project` may hold the file at `url`: any that is not an uploaded one, and its own."""
    from data_import.models import FileUpload

    names = _uploads_named_by(url)
    owners = FileUpload.objects.filter(file__in=names).values_list("project__organization", flat=True)
    return not names or set(owners) == {project.organization_id}


def _uploads_named_by(url: str) -> set[str]:
    """Every name under which the converter, or the server that it asks, may look for an uploaded file."""
    named = [*parse_qs(urlsplit(url).query).get("filepath", ())]
    path = url.lstrip("/").removeprefix("data/")
    if path.startswith("upload"):
        *_, folder, name = ["", *path.split("/")]
        named += [path, f"upload/{folder}/{name}"]
    return {name.lstrip("/") for text in named for name in (text, unquote(text))}
