"""Labels that results hold and the labeling interface lacks, as after a change of the template."""

from __future__ import annotations

from typing import Any

from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from projects.models import ProjectSummary

from polardb_bridge.table.text import shown

MAX_LISTED = 10


def vanished_labels(project: Any) -> list[str]:
    """A sentence for each, the most frequent first. The results keep them, by name."""
    summary = ProjectSummary.objects.filter(project=project.pk).first()
    return vanished(project, summary) if summary else []


def vanished(project: Any, summary: ProjectSummary) -> list[str]:
    """The same by a summary that was read just now.

    Label Studio counts labels of annotations in it with each change (projects/models.py): no result is read.
    """
    counts = []
    # Not by the project's own method, which saves it.
    for name, control in parse_config(project.label_config).items():  # type: ignore[no-untyped-call]
        known = control.get("labels")
        if not known or control.get("dynamic_labels"):
            continue  # it has no list of labels, or takes it from each task
        found = summary.created_labels.get(name, {})
        counts += [(int(count), str(label)) for label, count in found.items() if label not in known and count > 0]
    counts.sort(key=lambda pair: (-pair[0], pair[1]))
    notes = [
        f"The label '{shown(label)}' stands in results ({_times(count)}) and not in the interface; they keep it."
        for count, label in counts[:MAX_LISTED]
    ]
    hidden = len(counts) - MAX_LISTED
    return [*notes, f"… and {hidden} more labels"] if hidden > 0 else notes


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
