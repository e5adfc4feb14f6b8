"""The sheets of a deployment's page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max, Sum
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from projects.models import Project

from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.console.sheets import Column, Sheet, duration, shown
from polardb_bridge.deployments.figures.failed_rows import FailedRow, Failure, failed_rows
from polardb_bridge.deployments.figures.progress import Progress, progress_of
from polardb_bridge.storage.writeback_status import WritebackStatus
from polardb_bridge.webhooks.models import WritebackDay

# As many as a chart can show; files have all.
DAYS_SHOWN = 60
LABELS_SHOWN = 100
FAILED_ROWS_SHOWN = 100


def days(progress: Progress, today: date, *, everything: bool = False) -> Sheet:
    """everything: all days on which something was done, in place of each of the last ones."""
    remaining = progress.tasks
    rows = []
    for day in progress.days:
        remaining -= day.annotated
        rows.append((day.day, day.annotated, day.annotations, day.skipped, remaining))
    if not everything:
        rows = list(_last(rows, today, progress.tasks))
    return Sheet(
        "days",
        _("Annotated per day"),
        (
            Column("day", _("Day (UTC)")),
            Column("annotated", _("Tasks annotated"), "number", "bar"),
            Column("annotations", _("Annotations"), "number"),
            Column("skipped", _("Skipped"), "number"),
            Column("remaining", _("Remaining"), "number", "line"),
        ),
        tuple(rows),
        chart="x",
    )


_Row = tuple[date, int, int, int, int]


def _last(rows: list[_Row], today: date, tasks: int) -> Iterator[_Row]:
    """One for each of the last days until today, or until the last of work that ended long ago."""
    if not rows:
        return
    first, last = rows[0][0], rows[-1][0]
    if last < today <= last + timedelta(days=DAYS_SHOWN):
        last = today
    begin = max(first, last - timedelta(days=DAYS_SHOWN - 1))
    by_day = {row[0]: row for row in rows}
    remaining = min((row[4] for row in rows if row[0] < begin), default=tasks)
    for number in range((last - begin).days + 1):
        day = begin + timedelta(days=number)
        row = by_day.get(day, (day, 0, 0, 0, remaining))
        remaining = row[4]
        yield row


def annotators(progress: Progress) -> Sheet:
    return Sheet(
        "annotators",
        _("Per annotator"),
        (
            Column("annotator", _("Annotator")),
            Column("annotations", _("Annotations"), "number", "bar"),
            Column("tasks", _("Tasks"), "number"),
            Column("skipped", _("Skipped"), "number"),
            Column("median_seconds", _("Median time"), "seconds"),
            Column("last", _("Last (UTC)")),
        ),
        tuple(
            (who.email or _("(deleted user)"), who.annotations, who.tasks, who.skipped, who.median_s, who.last_at)
            for who in progress.annotators
        ),
        chart="y",
    )


def labels(progress: Progress, *, everything: bool = False) -> Sheet:
    found = progress.labels if everything else progress.labels[:LABELS_SHOWN]
    several = len({label.control for label in progress.labels}) > 1
    hidden = len(progress.labels) - len(found)
    return Sheet(
        "labels",
        _("Per label"),
        (
            Column("label", _("Label")),
            Column("regions", _("Annotations") if progress.are_chosen else _("Regions"), "number", "bar"),
            Column("tasks", _("Tasks"), "number"),
        ),
        tuple(
            (f"{label.control}: {label.name}" if several else label.name, label.regions, label.tasks) for label in found
        ),
        chart="y",
        note=_("{count} more are in the CSV file.").format(count=hidden) if hidden else "",
    )


def times(progress: Progress) -> Sheet:
    return Sheet(
        "times",
        _("Time per task"),
        (Column("seconds", _("Seconds")), Column("tasks", _("Tasks"), "number", "bar")),
        tuple(
            (f"{each.from_s}–{each.until_s}" if each.until_s else f"≥ {each.from_s}", each.tasks)
            for each in progress.times
        )
        if progress.median_s is not None
        else (),
        chart="x",
    )


def write_back(project: Project, *, everything: bool = False) -> Sheet:
    found = WritebackDay.objects.filter(storage__project=project).order_by("-day").values("day")
    counted = found.annotate(rows=Sum("written"), total=Sum("total_s"), slowest=Max("slowest_s"))
    rows = [(day["day"], day["rows"], day["total"] / day["rows"], day["slowest"]) for day in counted if day["rows"]]
    return Sheet(
        "write-back",
        _("Write-back delay"),
        (
            Column("day", _("Day (UTC)")),
            Column("rows", _("Rows written"), "number"),
            Column("mean_seconds", _("Mean delay"), "seconds", "bar"),
            Column("slowest_seconds", _("Longest delay"), "seconds", "line"),
        ),
        tuple(reversed(rows if everything else rows[:DAYS_SHOWN])),
        chart="x",
    )


def failed(project: Project, *, everything: bool = False) -> Sheet:
    rows = failed_rows(project)
    shown = rows if everything else rows[:FAILED_ROWS_SHOWN]
    hidden = len(rows) - len(shown)
    return Sheet(
        "failed-rows",
        _("Rows with a problem"),
        (
            Column("row", _("Row")),
            Column("task", _("Task")),
            Column("name", _("Name")),
            Column("failure", _("What failed")),
            Column("reason", _("Reason")),
        ),
        tuple((row.key, row.task_id, row.name, _failure(row), in_page_language(row.reason)) for row in shown),
        note=_("{count} more are in the CSV file.").format(count=hidden) if hidden else "",
    )


def _failure(row: FailedRow) -> str:
    words: dict[Failure, str] = {
        Failure.READ: _("reading"),
        Failure.SHOW: _("showing its image"),
        Failure.WRITE: _("writing its result"),
    }
    return words[row.failure]


def all_sheets(project: Project, progress: Progress, now: datetime) -> list[Sheet]:
    """Those with charts."""
    return [days(progress, now.date()), annotators(progress), labels(progress), times(progress), write_back(project)]


def in_full(name: str, project: Project, now: datetime) -> Sheet | None:
    """One of all sheets with all its rows, as for files; None if there is none of that name."""
    match name:
        case "failed-rows":
            return failed(project, everything=True)
        case "write-back":
            return write_back(project, everything=True)
        case "days":
            return days(progress_of(project, now), now.date(), everything=True)
        case "annotators":
            return annotators(progress_of(project, now))
        case "labels":
            return labels(progress_of(project, now), everything=True)
        case "times":
            return times(progress_of(project, now))
    return None


@dataclass(frozen=True)
class Tile:
    """One number. note: what it means."""

    title: str
    value: str
    note: str = ""


def tiles(progress: Progress, pending: int) -> list[Tile]:
    """pending: results that are not in their rows yet."""
    percent = 100 * progress.annotated // progress.tasks if progress.tasks else 0
    skipped = _("{count} skipped").format(count=_number(progress.skipped)) if progress.skipped else ""
    total = _("{time} in all").format(time=duration(progress.total_s))
    return [
        Tile(_("Annotated"), _number(progress.annotated), f"/ {_number(progress.tasks)} · {percent} %"),
        Tile(_("Remaining"), _number(progress.remaining), skipped),
        _end(progress),
        Tile(_("Median time per task"), shown(progress.median_s, "seconds"), total if progress.total_s else ""),
        Tile(_("Pending write-backs"), _number(pending)),
    ]


def _end(progress: Progress) -> Tile:
    title = _("Expected end")
    if progress.tasks and not progress.remaining:
        return Tile(title, _("All is annotated"))
    if progress.pace is None:
        return Tile(title, "–", _("nothing was annotated in the last 7 days"))
    pace = _("at {count} tasks a day").format(count=number_format(progress.pace, 1))
    return Tile(title, f"{progress.ends_at:%Y-%m-%d}" if progress.ends_at else "–", pace)


def _number(value: int) -> str:
    return shown(value, "number")


def lateness(target: WritebackStatus) -> Iterator[str]:
    """What is to be said of write-back that is not well."""
    if target.oldest_age_s is not None and not target.is_healthy:
        yield _("{count} results are not in their rows yet, the oldest for {time}.").format(
            count=_number(target.pending + target.parked), time=duration(target.oldest_age_s)
        )
    if target.last_error:
        yield in_page_language(target.last_error)
