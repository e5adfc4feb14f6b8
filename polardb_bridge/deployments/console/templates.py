"""The labeling templates of the database: administrators list, add, copy, edit and delete them.

Pages come at once, whatever the database does; what they show of it is fetched by a second request (console.js).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from polardb_bridge.characters import isolated
from polardb_bridge.deployments.console.administrators import actor_of, for_administrators
from polardb_bridge.deployments.console.preview import editor, frames_itself, sample_for
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.console.template_form import (
    Problem,
    TemplateForm,
    changes_in_words,
    config_of,
    with_plain_breaks,
)
from polardb_bridge.deployments.console.template_store import (
    NAME_LENGTH,
    ChangedMeanwhileError,
    GoneMeanwhileError,
    add,
    change,
    delete,
    deployments_of,
    read,
    read_page,
)
from polardb_bridge.errors import BridgeError
from polardb_bridge.labeling import labeling_config, labels_of, parse_text, with_labels
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.table.template_rows import TemplateRow

LINES_A_PAGE = 50
# Label Studio's editor takes some milliseconds for each.
LABELS_PREVIEWED = 500


@require_GET
@for_administrators
def templates(request: HttpRequest) -> HttpResponse:
    return _shell(request, _("Templates"), reverse("polardb-console:template-list"))


@require_GET
@for_administrators
def template(request: HttpRequest, pk: int) -> HttpResponse:
    return _shell(request, _("Template {id}").format(id=pk), reverse("polardb-console:template-form", args=[pk]))


@require_GET
@for_administrators
def template_copy(request: HttpRequest, pk: int) -> HttpResponse:
    return _shell(request, _("New template"), f"{reverse('polardb-console:template-new')}?of={pk}")


@require_GET
@for_administrators
def template_list(request: HttpRequest) -> HttpResponse:
    """The part that asks the database."""
    asked = request.GET.get("page", "1")
    number = int(asked[:9]) if asked.isascii() and asked.isdecimal() else 1
    context: dict[str, Any] = {}
    try:
        count, lines = read_page((max(number, 1) - 1) * LINES_A_PAGE, LINES_A_PAGE)
    except BridgeError as error:
        context["problem"] = in_page_language(str(error))
    else:
        context |= {
            "is_there": count is not None,
            "lines": [replace(line, problem=in_page_language(line.problem)) for line in lines],
            "page": Paginator(range(count or 0), LINES_A_PAGE).get_page(number),
        }
    return render(request, "polardb/console/template_list.html", context)


@require_http_methods(["GET", "POST"])
@for_administrators
def template_new(request: HttpRequest) -> HttpResponse:
    """`?of=3`: a copy of template 3."""
    if request.method == "POST":
        form = TemplateForm(request.POST)
        if form.is_valid():
            try:
                pk = add(form.row(), actor_of(request))
            except BridgeError as error:
                _say(form, error)
            else:
                messages.success(
                    request, _("Template {id} is added: {name}.").format(id=pk, name=isolated(form.row().name))
                )
                return redirect("polardb-console:templates")
        return _form(request, form, status=400)
    copied = request.GET.get("of", "")
    if not copied:
        return _form(request, TemplateForm())
    if not (copied.isascii() and copied.isdecimal()):
        raise Http404
    row = _read(int(copied[:18]))
    if isinstance(row, str):
        return _form(request, None, problem=row)
    name = _("{name} (copy)").format(name=row.name)[:NAME_LENGTH]
    return _form(request, TemplateForm(shown=replace(row, name=name)))


@require_http_methods(["GET", "POST"])
@for_administrators
def template_form(request: HttpRequest, pk: int) -> HttpResponse:
    if request.method == "GET":
        row = _read(pk)
        if isinstance(row, str):
            return _form(request, None, pk, problem=row)
        return _form(request, TemplateForm(shown=row, is_new=False), pk)
    form = TemplateForm(request.POST)
    if not form.is_valid():
        return _form(request, form, pk, status=400)
    try:
        change(pk, form.row_before(), form.row(), actor_of(request))
    except GoneMeanwhileError as error:
        _say(form, error)
        form.becomes_new()
        return _form(request, form, status=409)
    except ChangedMeanwhileError as error:
        _say(form, error)
        changes = changes_in_words(form.row_before(), error.found)
        form.after_change_by_others(error.found)
        return _form(request, form, pk, changes=changes, status=409)
    except BridgeError as error:
        _say(form, error)
        return _form(request, form, pk, status=400)
    messages.success(request, _("Template {id} is saved: {name}.").format(id=pk, name=isolated(form.row().name)))
    return redirect("polardb-console:templates")


@require_POST
@for_administrators
def template_delete(request: HttpRequest, pk: int) -> HttpResponse:
    form = TemplateForm(request.POST)
    form.is_valid()
    try:
        delete(pk, form.row_before(), actor_of(request))
    except ChangedMeanwhileError as error:
        changes = changes_in_words(form.row_before(), error.found)
        form = TemplateForm(shown=error.found, is_new=False)
        messages.error(request, in_page_language(error.message))
        return _form(request, form, pk, changes=changes, status=409)
    except BridgeError as error:
        messages.error(request, in_page_language(_message(error)))
    else:
        messages.success(request, _("Template {id} is deleted.").format(id=pk))
    return redirect("polardb-console:templates")


@require_POST
@for_administrators
def template_check(request: HttpRequest) -> JsonResponse:
    """What DEPLOY says of `schema`: `{"problem": {…}}`, as `Problem` has it, or `{"config": …}` for the preview.

    note: what the preview leaves out; empty if nothing. data, pictures: a task to show there, as `SampleTask` has it.
    """
    schema = with_plain_breaks(request.POST.get("schema", ""))
    config = config_of(schema, request.POST.get("name", ""))
    if isinstance(config, Problem):
        return JsonResponse({"problem": asdict(config)})
    note, parsed = "", parse_text(schema)
    count = len(labels_of(parsed))
    if count > LABELS_PREVIEWED and "type" in parsed:
        config = labeling_config(with_labels(parsed, LABELS_PREVIEWED))
        note = _("The preview has the first {shown} of {count} labels.").format(shown=LABELS_PREVIEWED, count=count)
    return JsonResponse({"config": config, "note": note, **asdict(sample_for(config))})


def _shell(request: HttpRequest, title: str, address: str) -> HttpResponse:
    """A page that fetches what it shows from `address`."""
    return frames_itself(render(request, "polardb/console/part.html", {"title": title, "address": address}))


def _form(
    request: HttpRequest,
    form: TemplateForm | None,
    pk: int | None = None,
    *,
    changes: list[str] | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    """pk: None for a new template. changes: what others have done to it. form: None if `problem` says why not."""
    context = {"form": form, "pk": pk, "changes": changes, "problem": problem, "has_preview": editor() is not None}
    if form and pk:
        context["deployments"] = deployments_of(pk, form.row_before().name)
    return frames_itself(render(request, "polardb/console/template_form.html", context, status=status))


def _read(pk: int) -> TemplateRow | str:
    """The row, or why there is none."""
    try:
        return read(pk) or _("There is no template {id}.").format(id=pk)
    except BridgeError as error:
        return in_page_language(str(error))


def _say(form: TemplateForm, error: BridgeError) -> None:
    form.add_error(error.field if error.field in form.fields else None, in_page_language(_message(error)))


def _message(error: BridgeError) -> str:
    return error.message if isinstance(error, StatementError) else str(error)
