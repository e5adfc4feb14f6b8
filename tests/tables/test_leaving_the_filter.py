"""Rows that leave the filter of their source, as most do once they are labeled: no work is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from polardb_bridge.errors import ReconfigureError
from support.foreign_tables import TABLES, ForeignTable, Row
from support.foreign_tables.labeling import Labeled, Made, chosen
from support.foreign_tables.table import values_of
from support.source_data import Source

pytestmark = pytest.mark.usefixtures("commands_database")

REVIEWS = TABLES["uuid as bytes"]
FILM = TABLES["texts"]
MANY = 120


def many_films(condition: str) -> ForeignTable:
    """Sakila's `film` with MANY rows, of which none has a genre yet, and a filter."""
    numbers = range(1, MANY + 1)
    task = {"text": "A Drama", "rating": "PG-13", "features": "Trailers"}
    return replace(
        FILM,
        values=values_of("film", "title description", ((f"FILM {number}", "A Drama") for number in numbers)),
        rows=tuple(Row(number, {"film_id": number}, task, f"FILM {number}") for number in numbers),
        filter=condition,
    )


@pytest.fixture
def reviews(source: Source, user: Any, api: Any) -> Labeled:
    """Of three reviews, the first is labeled, the second has a draft, and nobody has opened the third."""
    labeled = Labeled.by_command(Made.create(REVIEWS, source, into_rows=True), api)
    labeled.submit(0, "cat")
    labeled.deliver()
    task = labeled.project.tasks.get(data__id=REVIEWS.rows[1].key)
    draft = {"result": [chosen(REVIEWS, "dog")], "lead_time": 1}
    assert api.post(f"/api/tasks/{task.pk}/drafts", draft, format="json").status_code == 201
    return labeled


def approve(labeled: Labeled, status: int = 1) -> None:
    labeled.made.execute("UPDATE product_review SET status = :status WHERE points < 5", status=status)


def test_what_was_worked_on_stays_and_the_rest_goes(reviews: Labeled) -> None:
    approve(reviews)
    assert reviews.sync() == (0, 0, 1, 0)
    assert [*reviews.tasks()] == [row.key for row in REVIEWS.rows[:2]]
    assert reviews.sync() == (0, 0, 0, 0)


def test_results_of_what_stays_go_on_being_written(reviews: Labeled) -> None:
    approve(reviews)
    reviews.sync()
    [annotation] = reviews.project.tasks.get(data__id=REVIEWS.rows[0].key).annotations.all()
    reviews.change(annotation.pk, "dog")
    reviews.submit(1, "cat")
    reviews.deliver()
    reviews.check_results("dog", "cat", None)
    assert reviews.differences() == 0
    reviews.made.execute("UPDATE product_review SET answer = NULL WHERE points > 0")
    assert reviews.differences() == 2
    reviews.deliver()
    reviews.check_results("dog", "cat", None)


def test_rows_that_come_back_are_what_they_were(reviews: Labeled) -> None:
    tasks = {task.data["id"]: task.pk for task in reviews.project.tasks.all()}
    approve(reviews)
    reviews.sync()
    approve(reviews, status=0)
    assert reviews.sync() == (1, 2, 0, 0), "what had stayed is looked at anew"
    again = {task.data["id"]: task.pk for task in reviews.project.tasks.all()}
    assert again.keys() == tasks.keys()
    assert [again[row.key] for row in REVIEWS.rows[:2]] == [tasks[row.key] for row in REVIEWS.rows[:2]]
    reviews.check_results("cat", None, None)


def test_a_row_that_is_gone_is_gone_though_it_left_the_filter_before(reviews: Labeled) -> None:
    approve(reviews)
    reviews.sync()
    reviews.made.execute("DELETE FROM product_review WHERE points > 0")
    assert reviews.sync() == (0, 0, 0, 0), "people's work stays"
    assert [*reviews.tasks()] == [row.key for row in REVIEWS.rows[:2]]


def test_a_filter_that_labeling_itself_leads_out_of(source: Source, user: Any, api: Any) -> None:
    """Every row leaves it by being labeled, more than half of a hundred at once."""
    labeled = Labeled.by_command(Made.create(many_films("genre IS NULL"), source, into_rows=True), api)
    for number in range(MANY):
        labeled.submit(number, "cat")
    labeled.deliver()
    assert labeled.sync() == (0, 0, 0, 0)
    assert len(labeled.tasks()) == MANY
    assert labeled.differences() == 0
    labeled.check_results(*["cat"] * MANY)


def test_a_filter_that_most_rows_leave_unseen_stops_the_sync(source: Source, user: Any, api: Any) -> None:
    labeled = Labeled.by_command(Made.create(many_films("rating <> 'R'"), source, into_rows=True), api)
    labeled.made.execute("UPDATE film SET rating = 'R' WHERE film_id > 40")
    with pytest.raises(ReconfigureError, match="--allow-removal"):
        labeled.sync()
    assert len(labeled.tasks()) == MANY
