"""What annotators label with: labeling templates to Label Studio's labeling configs. No Django here."""

from polardb_bridge.labeling.config import labeling_config, labels_of, needs_region, with_labels
from polardb_bridge.labeling.options import Option
from polardb_bridge.labeling.text import NotJsonError, parse_text
from polardb_bridge.labeling.types import COMMON, LAYOUT, TYPES

SUPPORTED_TYPES = tuple(TYPES)

__all__ = [
    "COMMON",
    "LAYOUT",
    "SUPPORTED_TYPES",
    "TYPES",
    "NotJsonError",
    "Option",
    "labeling_config",
    "labels_of",
    "needs_region",
    "parse_text",
    "with_labels",
]
