"""A box for statements, and the record of those that were run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from polardb_bridge.deployments.console.administrators import actor_of, for_administrators
from polardb_bridge.deployments.console.excerpts import around
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.execution.answers import CHANGED_PASSWORD, Answer
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.deployments.models import StatementRecord
from polardb_bridge.statements.errors import StatementError

RECORDS_A_PAGE = 50
# Of the line with an error, on each side of it.
_CHARACTERS_SHOWN = 60


@dataclass(frozen=True)
class Cell:
    """password_of: the deployment whose first password it is, which the page does not show."""

    text: str
    password_of: str = ""


@dataclass(frozen=True)
class Result:
    """An answer, as the page shows it."""

    columns: tuple[str, ...]
    rows: list[list[Cell]]
    message: str


@dataclass(frozen=True)
class Failure:
    """line: empty if it is not the text that is wrong. before, wrong, after: that line, around the error."""

    message: str
    line: int | None
    column: int | None
    before: str = ""
    wrong: str = ""
    after: str = ""


@require_http_methods(["GET", "POST"])
@for_administrators
def statements(request: HttpRequest) -> HttpResponse:
    """POST runs what is in the box, as the REST API would."""
    records = StatementRecord.objects.order_by("-at", "-pk")
    context: dict[str, Any] = {}
    if request.method == "POST":
        text = request.POST.get("statements", "").replace("\r\n", "\n")
        answers: list[Answer] = []
        context["text"] = text
        try:
            execute(text, actor_of(request), answers.append)
        except StatementError as error:
            context["failure"] = _failure(error, text)
        context["results"] = [_result(answer) for answer in answers]
    elif request.GET.get("again", "").isdecimal():
        again = records.filter(pk=int(request.GET["again"][:18])).first()
        context["text"] = again.statement if again else ""
    context["page"] = Paginator(records, RECORDS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "polardb/console/statements.html", context, status=400 if "failure" in context else 200)


def _result(answer: Answer) -> Result:
    return Result(
        answer.columns,
        [
            [_cell(column, value, row[0]) for column, value in zip(answer.columns, row, strict=True)]
            for row in answer.rows
        ],
        in_page_language(answer.message),
    )


def _cell(column: str, value: Any, name: str) -> Cell:
    if column == "password" and value not in ("", CHANGED_PASSWORD):
        return Cell("", name)
    return Cell("NULL" if value is None else str(value))


def _failure(error: StatementError, text: str) -> Failure:
    message = in_page_language(str(error))
    if error.line is None or error.column is None:
        return Failure(message, None, None)
    place = around(text, error.line, error.column, _CHARACTERS_SHOWN)
    return Failure(message, error.line, error.column, *place)
