"""What annotators label with: labeling templates to Label Studio's labeling configs. No Django here."""

from polardb_bridge.labeling.config import (
    CHOICES,
    CLASSIFICATIONS,
    LAYOUTS,
    SUPPORTED_TYPES,
    labeling_config,
    labels_of,
    with_labels,
)
from polardb_bridge.labeling.text import NotJsonError, parse_text

__all__ = [
    "CHOICES",
    "CLASSIFICATIONS",
    "LAYOUTS",
    "SUPPORTED_TYPES",
    "NotJsonError",
    "labeling_config",
    "labels_of",
    "parse_text",
    "with_labels",
]
