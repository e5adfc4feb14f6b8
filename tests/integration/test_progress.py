"""The numbers of a deployment's page: several people, days and labels, with skipped, deleted and odd annotations."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from polardb_bridge.deployments.figures.progress import Progress, progress_of
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.chosen import labels_in
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.models import WritebackDay
from polardb_bridge.webhooks.outbox import drop_gone
from support.deployments import annotate, export_storage_of, import_storage_of
from support.source_data import Source, region

NOW = datetime(2026, 5, 20, 12, tzinfo=timezone.utc)


@pytest.fixture
def tasks(deployment: Deployment, source: Source) -> list[Any]:
    """Eight tasks."""
    source.add_images(5)
    run_sync(import_storage_of(deployment))
    return list(deployment.project.tasks.order_by("pk"))


@pytest.fixture
def people(deployment: Deployment) -> list[Any]:
    from users.models import User

    return [User.objects.create_user(f"{name}@example.com", "correct-horse-9") for name in ("ann", "bob", "cleo")]


def submit(task: Any, user: Any, days_ago: float, *labels: str, **values: Any) -> Any:
    """An annotation as Label Studio stores it, of some days before NOW."""
    from tasks.models import Annotation

    values = {"result": [region(label) for label in labels], "project": task.project, **values}
    made = Annotation.objects.create(task=task, completed_by=user, **values)
    Annotation.objects.filter(pk=made.pk).update(created_at=NOW - timedelta(days=days_ago))
    return made


def progress(deployment: Deployment) -> Progress:
    deployment.project.refresh_from_db()
    return progress_of(deployment.project, NOW)


def test_numbers_are_those_of_the_annotations_that_count(
    deployment: Deployment, tasks: list[Any], people: list[Any]
) -> None:
    ann, bob, cleo = people
    submit(tasks[0], ann, 30, "cat", "cat", "dog", lead_time=4.0)
    submit(tasks[0], bob, 2, "cat", lead_time=8.0)  # a second one of the same task
    submit(tasks[1], bob, 2, "dog", lead_time=100.0)
    submit(tasks[2], bob, 1, lead_time=3.0)  # nothing is on it
    submit(tasks[3], ann, 1, "cat", was_cancelled=True, lead_time=900.0)
    submit(tasks[1], ann, 1, "cat", was_cancelled=True)  # skipped by one, annotated by another
    submit(tasks[4], ann, 0.2, "cat", project=None)
    submit(tasks[5], ann, 0.1, "dog").delete()
    submit(tasks[6], cleo, 0.1, "horse", lead_time=-1.0)
    cleo.delete()
    found = progress(deployment)
    assert (found.tasks, found.annotated, found.remaining, found.skipped) == (8, 5, 3, 1)
    assert [(day.day.isoformat(), day.annotated, day.annotations, day.skipped) for day in found.days] == [
        ("2026-04-20", 1, 1, 0),
        ("2026-05-18", 1, 2, 0),
        ("2026-05-19", 1, 1, 2),
        ("2026-05-20", 2, 2, 0),
    ]
    assert [(who.email, who.annotations, who.tasks, who.skipped, who.median_s) for who in found.annotators] == [
        ("bob@example.com", 3, 3, 0, 8.0),
        ("ann@example.com", 2, 2, 2, 4.0),
        ("", 1, 1, 0, None),
    ]
    assert [(label.control, label.name, label.regions, label.tasks) for label in found.labels] == [
        ("label", "cat", 4, 2),
        ("label", "dog", 2, 2),
        ("label", "horse", 1, 1),
    ]
    assert (found.median_s, found.total_s) == (12.0, 115.0)
    assert [(times.from_s, times.tasks) for times in found.times if times.tasks] == [(0, 1), (10, 1), (60, 1)]


def test_labels_stand_as_the_template_has_them(deployment: Deployment, tasks: list[Any], people: list[Any]) -> None:
    labels = [f"l{number}" for number in range(1, 12)]
    values = "".join(f'<Label value="{label}"/>' for label in labels)
    config = f'<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">{values}'
    project = deployment.project
    project.label_config = f"{config}</RectangleLabels></View>"
    project.save(update_fields=["label_config"])
    submit(tasks[0], people[0], 1, "l10", "l10", "gone", "gone", "lost")
    assert [label.name for label in progress(deployment).labels] == [*labels, "gone", "lost"]


def test_the_end_is_expected_at_the_pace_of_the_last_days(
    deployment: Deployment, tasks: list[Any], people: list[Any]
) -> None:
    assert (progress(deployment).pace, progress(deployment).ends_at) == (None, None)
    submit(tasks[0], people[0], 30)
    assert progress(deployment).ends_at is None, "nothing was done lately"
    submit(tasks[1], people[0], 2)
    submit(tasks[2], people[0], 1)
    submit(tasks[3], people[0], 1)
    found = progress(deployment)
    assert (found.pace, found.ends_at) == (1.5, NOW + timedelta(days=4 / 1.5))
    for task in tasks[4:]:
        submit(task, people[1], 0.01)
    found = progress(deployment)
    assert (found.remaining, found.ends_at) == (0, None)


def test_a_first_hour_counts_as_a_day(deployment: Deployment, tasks: list[Any], people: list[Any]) -> None:
    for task in tasks[:4]:
        submit(task, people[0], 0.04)
    assert progress(deployment).ends_at == NOW + timedelta(days=1)


def test_labels_of_the_interface_that_nobody_used_are_there(deployment: Deployment, tasks: list[Any]) -> None:
    assert {(label.name, label.regions) for label in progress(deployment).labels} == {("cat", 0), ("dog", 0)}


@pytest.mark.parametrize(
    "result",
    [
        *(None, {}, "x", 7, [None], [[]], [{"value": 1}], [{"type": ["x"], "value": {"x": ["y"]}}]),
        *([{"type": "relation", "from_id": "a"}], [{"type": "x", "value": {"x": "y"}}], [{"value": {"x": [1]}}]),
        [{"type": "x", "value": {"x": [None, {}, 7]}}],
    ],
)
def test_odd_results_have_no_label(result: Any) -> None:
    assert list(labels_in(result)) == []


def test_delays_of_write_back_are_kept_by_day(
    deployment: Deployment, tasks: list[Any], people: list[Any], source: Source
) -> None:
    from polardb_bridge.webhooks.models import WritebackMark

    storage = export_storage_of(deployment)
    annotate(tasks[0], people[0])
    annotate(tasks[1], people[0])
    late = WritebackMark.objects.get(task=tasks[0])
    WritebackMark.objects.filter(pk=late.pk).update(marked_at=late.marked_at - timedelta(seconds=90))
    assert deliver(storage).written == 2
    [day] = WritebackDay.objects.filter(storage=storage)
    assert day.written == 2
    assert 90 <= day.slowest_s <= day.total_s < 150
    annotate(tasks[2], people[0])
    deliver(storage)
    [day] = WritebackDay.objects.filter(storage=storage)
    assert day.written == 3
    storage.delete()
    drop_gone()
    assert not WritebackDay.objects.exists()
