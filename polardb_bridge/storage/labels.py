"""Labels that results hold and the labeling interface lacks, as after a change of the template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config
from projects.models import ProjectSummary

from polardb_bridge.labeling.hidden_labels import with_hidden_labels
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
    return in_words(not_in_interface(project.label_config, summary.created_labels))


def not_in_interface(
    label_config: str, found: Mapping[str, Mapping[str, int]] | None, kinds: str = ""
) -> dict[str, Counter[str]]:
    """By control, the labels of `found` that the interface has not, and how often they stand in results.

    found: labels and how often they stand, by control. kinds: how the type of a control must end ("Labels").
    """
    missing: dict[str, Counter[str]] = {}
    # Not by the project's own method, which saves it.
    controls = parse_config(label_config)  # type: ignore[no-untyped-call]
    counted = by_offering_control(found or {}, controls)
    for name, control in controls.items():
        known = control.get("labels")
        if not known or control.get("dynamic_labels") or not control["type"].endswith(kinds):
            continue  # it has no list of labels, or takes it from each task
        counts = ((str(label), int(count)) for label, count in counted.get(name, {}).items())
        missing[name] = Counter({label: count for label, count in counts if label not in known and count > 0})
    return {name: counts for name, counts in missing.items() if counts}


def offering_control(name: str, controls: Mapping[str, Any]) -> str:
    """The control that offers the labels of a region of the control `name`: itself, but for boxes in videos.

    These hold the labels of the `Labels` beside them (table/chosen.py), as other regions without labels of their own do
    not: those have a region of the same id for it.
    """
    control = controls.get(name)
    if control and control["type"] == "VideoRectangle":
        for other, offering in controls.items():
            if offering["type"] == "Labels" and offering["to_name"] == control["to_name"]:
                return other
    return name


def by_offering_control(found: Mapping[str, Mapping[str, int]], controls: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """The counts of labels by the control that offers them."""
    counted: dict[str, Counter[str]] = {}
    for name, labels in found.items():
        counted.setdefault(offering_control(name, controls), Counter()).update(labels)
    return counted


def in_words(missing: Mapping[str, Counter[str]]) -> list[str]:
    """A sentence for each label, the most frequent first."""
    counts = [(count, label) for labels in missing.values() for label, count in labels.items()]
    counts.sort(key=lambda pair: (-pair[0], pair[1]))
    notes = [
        f"The label '{shown(label)}' stands in results ({_times(count)}) and not in the interface; they keep it."
        for count, label in counts[:MAX_LISTED]
    ]
    hidden = len(counts) - MAX_LISTED
    return [*notes, f"… and {hidden} more labels"] if hidden > 0 else notes


def config_of_editor(project_id: int, label_config: str) -> str:
    """The labeling config with all labels that regions hold, so that the editor shows them by name.

    Without a label's name, the editor shows its regions as if they had none. Nobody can choose what is not in the
    interface any more.
    """
    summary = ProjectSummary.objects.filter(project=project_id).first()
    if summary is None:
        return label_config
    hidden: dict[str, set[str]] = {}
    for found in (summary.created_labels, summary.created_labels_drafts):
        for control, labels in not_in_interface(label_config, found, kinds="Labels").items():
            hidden.setdefault(control, set()).update(labels)
    # In an order that stays while people label: the page compares what it gets.
    return with_hidden_labels(label_config, {control: sorted(labels) for control, labels in hidden.items()})


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
