"""Annotation events and the rows they end in."""

from __future__ import annotations

from datetime import datetime, timezone

from support.labeling import LabelingProject
from support.source_data import Source, region

REGION_KEYS = {
    "id": str,
    "type": str,
    "value": dict,
    "origin": str,
    "to_name": str,
    "from_name": str,
    "image_rotation": int,
    "original_width": int,
    "original_height": int,
}


def test_a_submitted_annotation_is_in_its_row(project: LabelingProject, source: Source) -> None:
    before = source.row(1)
    annotation_id = project.submit(1, region("cat"))
    project.deliver()

    row = source.row(1)
    [written] = row["annotation_data"]
    assert written == region("cat")
    assert {key: type(value) for key, value in written.items()} == REGION_KEYS
    annotation = project.tasks[1].annotations.get(pk=annotation_id)
    assert row["annotation_count"] == 1
    assert row["annotation_uid"] == str(annotation.unique_id)
    assert row["annotation_create_at"].replace(tzinfo=timezone.utc) == annotation.created_at.replace(microsecond=0)
    assert row["annotation_update_at"].replace(tzinfo=timezone.utc) == annotation.updated_at.replace(microsecond=0)
    assert row["updated_at"] == before["updated_at"]
    assert source.row(2)["annotation_data"] is None


def test_submitting_again_changes_the_row(project: LabelingProject, source: Source) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    answer = project.api.patch(f"/api/annotations/{annotation_id}/", {"result": [region("dog", x=50)]}, format="json")
    assert answer.status_code == 200
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("dog", x=50)]
    assert source.row(1)["annotation_count"] == 1


def test_deleting_the_annotation_clears_the_row(project: LabelingProject, source: Source) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    assert project.api.delete(f"/api/annotations/{annotation_id}/").status_code == 204
    project.deliver()
    row = source.row(1)
    assert (row["annotation_data"], row["annotation_count"], row["annotation_uid"]) == (None, 0, None)


def test_an_empty_annotation_is_an_empty_list(project: LabelingProject, source: Source) -> None:
    project.submit(1)
    project.deliver()
    assert source.row(1)["annotation_data"] == []
    assert source.row(1)["annotation_count"] == 1


def test_chinese_labels_and_emoji_arrive_as_they_are(project: LabelingProject, source: Source) -> None:
    project.submit(1, region("猫😀"))
    project.deliver()
    assert source.row(1)["annotation_data"][0]["value"]["rectanglelabels"] == ["猫😀"]


def test_times_are_utc(project: LabelingProject, source: Source) -> None:
    project.submit(1, region())
    project.deliver()
    written = source.row(1)["annotation_update_at"].replace(tzinfo=timezone.utc)
    assert abs((datetime.now(timezone.utc) - written).total_seconds()) < 60
