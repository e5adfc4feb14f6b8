"""What annotators label with: labeling templates to Label Studio's labeling configs. No Django here."""

from polardb_bridge.labeling.config import SUPPORTED_TYPES, labeling_config

__all__ = ["SUPPORTED_TYPES", "labeling_config"]
