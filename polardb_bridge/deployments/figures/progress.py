"""How far the labeling of a project is, who does it, and how long it takes.

What counts is what the rows get: annotations that are submitted and not skipped. Deleted ones are in no number.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from statistics import median
from typing import Any

from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from projects.models import Project
from tasks.models import Annotation, Task
from users.models import User

from polardb_bridge.storage.labels import offering_control
from polardb_bridge.table.chosen import labels_in

# What is expected goes by the last days alone: at first people learn, and later others do the work.
PACE_WINDOW = timedelta(days=7)
# Beyond, a date says nothing.
_FARTHEST_END = timedelta(days=3650)
# Upper ends of the classes of times, in seconds; the last class is open.
TIME_CLASSES_S = (5, 10, 20, 30, 60, 120, 300, 600)
_BATCH_SIZE = 1000
# Controls whose labels are chosen for a task.
_CHOSEN = {"Choices", "Taxonomy"}
_NEVER = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Day:
    """A day (UTC). annotated: tasks whose first annotation is of that day. annotations, skipped: made that day."""

    day: date
    annotated: int
    annotations: int
    skipped: int


@dataclass(frozen=True)
class Annotator:
    """What one person did. email: empty if the user was deleted. median_s: of what is known, for one annotation."""

    email: str
    annotations: int
    tasks: int
    skipped: int
    median_s: float | None
    last_at: datetime


@dataclass(frozen=True)
class Label:
    """A label of the interface, or of results. control: the name of its control. tasks: that have it.

    regions: how many have it; a choice for a whole task is one.
    """

    control: str
    name: str
    regions: int
    tasks: int


@dataclass(frozen=True)
class TimeClass:
    """Tasks by how long people worked on them: from_s <= time < until_s, None for no end."""

    from_s: int
    until_s: int | None
    tasks: int


@dataclass(frozen=True)
class Progress:
    """A project's numbers.

    skipped: tasks that were skipped and have no annotation. pace: tasks a day, within PACE_WINDOW; None if nothing was
    annotated in it. ends_at: when all tasks are annotated at that pace; None if it is not known, or all are.
    median_s, total_s: of the time that people worked on a task, where Label Studio knows it.
    days: those on which something was done, in order. annotators: the most frequent first. labels: as the interface has
    them, and behind these, the most frequent first, those that stand in results alone.
    are_chosen: whether all labels of the interface are chosen for whole tasks, and none for a region.
    """

    tasks: int
    annotated: int
    skipped: int
    pace: float | None
    ends_at: datetime | None
    median_s: float | None
    total_s: float
    days: tuple[Day, ...]
    annotators: tuple[Annotator, ...]
    labels: tuple[Label, ...]
    times: tuple[TimeClass, ...]
    are_chosen: bool = False

    @property
    def remaining(self) -> int:
        return max(0, self.tasks - self.annotated)


def progress_of(project: Project, now: datetime) -> Progress:
    """Read all annotations of the project once."""
    # Not by the project's own method, which saves it.
    controls = parse_config(project.label_config)  # type: ignore[no-untyped-call]
    counts = _Counts(controls)
    # Not by `project`, which an annotation may lack.
    columns = ("task_id", "completed_by_id", "was_cancelled", "created_at", "lead_time", "result")
    annotations = Annotation.objects.filter(task__project=project).order_by("created_at", "pk").values_list(*columns)
    for values in annotations.iterator(chunk_size=_BATCH_SIZE):
        counts.add(*values)
    tasks = Task.objects.filter(project=project).count()
    pace = _pace(counts.first_at.values(), now)
    times = list(counts.seconds.values())
    annotated = len(counts.first_at)
    return Progress(
        tasks=tasks,
        annotated=annotated,
        skipped=len(counts.skipped_tasks - counts.first_at.keys()),
        pace=pace,
        ends_at=_end(tasks - annotated, pace, now),
        median_s=median(times) if times else None,
        total_s=sum(times),
        days=tuple(counts.days()),
        annotators=tuple(counts.annotators()),
        labels=tuple(_labels(controls, counts)),
        times=tuple(_time_classes(times)),
        are_chosen=_are_chosen(controls),
    )


@dataclass
class _Person:
    annotations: int = 0
    skipped: int = 0
    tasks: set[int] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    last_at: datetime = _NEVER


class _Counts:
    """What is counted while annotations pass, the oldest first."""

    def __init__(self, controls: Mapping[str, Any]) -> None:
        self._controls = controls
        self.first_at: dict[int, datetime] = {}
        self.skipped_tasks: set[int] = set()
        self.seconds: defaultdict[int, float] = defaultdict(float)
        self.regions: Counter[tuple[str, str]] = Counter()
        self.labeled: Counter[tuple[str, str]] = Counter()
        self._seen: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        self._people: defaultdict[int | None, _Person] = defaultdict(_Person)
        self._annotated: Counter[date] = Counter()
        self._annotations: Counter[date] = Counter()
        self._skipped: Counter[date] = Counter()

    def add(
        self, task: int, user: int | None, is_skipped: bool, at: datetime, lead_time: float | None, result: Any
    ) -> None:
        person, day = self._people[user], at.astimezone(timezone.utc).date()
        person.last_at = max(person.last_at, at)
        if is_skipped:
            person.skipped += 1
            self._skipped[day] += 1
            self.skipped_tasks.add(task)
            return
        person.annotations += 1
        person.tasks.add(task)
        self._annotations[day] += 1
        if task not in self.first_at:
            self.first_at[task] = at
            self._annotated[day] += 1
        # It is the browser's, which may send anything.
        if lead_time is not None and math.isfinite(lead_time) and lead_time >= 0:
            person.seconds.append(lead_time)
            self.seconds[task] += lead_time
        for control, name in labels_in(result):
            label = offering_control(str(control), self._controls), name
            self.regions[label] += 1
            if label not in self._seen[task]:
                self._seen[task].add(label)
                self.labeled[label] += 1

    def days(self) -> Iterator[Day]:
        for day in sorted(self._annotations.keys() | self._skipped.keys()):
            yield Day(day, self._annotated[day], self._annotations[day], self._skipped[day])

    def annotators(self) -> Iterator[Annotator]:
        emails = dict(User.objects.filter(pk__in=[pk for pk in self._people if pk]).values_list("pk", "email"))
        for user, person in sorted(self._people.items(), key=lambda item: (-item[1].annotations, item[0] or 0)):
            middle = median(person.seconds) if person.seconds else None
            yield Annotator(
                emails.get(user, ""), person.annotations, len(person.tasks), person.skipped, middle, person.last_at
            )


def _labels(controls: Mapping[str, Any], counts: _Counts) -> list[Label]:
    offered = dict.fromkeys(
        (name, str(label)) for name, control in controls.items() for label in control.get("labels") or ()
    )
    others = sorted(counts.regions.keys() - offered.keys(), key=lambda key: (-counts.regions[key], key))
    return [Label(*key, counts.regions[key], counts.labeled[key]) for key in (*offered, *others)]


def _are_chosen(controls: Mapping[str, Any]) -> bool:
    types = {control["type"] for control in controls.values() if control.get("labels")}
    return bool(types) and types <= _CHOSEN


def _pace(first_at: Iterable[datetime], now: datetime) -> float | None:
    """Tasks a day since the first of the window; of one that is less than a day old, as if it were a whole day."""
    lately = [at for at in first_at if now - PACE_WINDOW <= at <= now]
    if not lately:
        return None
    return len(lately) / max(1.0, (now - min(lately)) / timedelta(days=1))


def _end(remaining: int, pace: float | None, now: datetime) -> datetime | None:
    if remaining <= 0 or not pace or remaining / pace > _FARTHEST_END.days:
        return None
    return now + timedelta(days=remaining / pace)


def _time_classes(times: list[float]) -> Iterator[TimeClass]:
    starts, ends = (0, *TIME_CLASSES_S), (*TIME_CLASSES_S, None)
    for start, end in zip(starts, ends, strict=True):
        yield TimeClass(start, end, sum(start <= time < (end or math.inf) for time in times))
