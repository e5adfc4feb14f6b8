"""What annotators label with: labeling templates to Label Studio's labeling configs. No Django here."""

from polardb_bridge.labeling.config import LAYOUTS, SUPPORTED_TYPES, labeling_config
from polardb_bridge.labeling.text import NotJsonError, parse_text

__all__ = ["LAYOUTS", "SUPPORTED_TYPES", "NotJsonError", "labeling_config", "parse_text"]
