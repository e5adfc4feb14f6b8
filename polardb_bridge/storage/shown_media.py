"""What the fields of a project may be that its rows hold: the labeling interface shows it."""

from __future__ import annotations

from functools import lru_cache

from polardb_bridge.storage.image_field import FETCHED_TEXT, shown_fields
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.table.fields import PICTURE
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.media.kinds import ANY, Medium
from polardb_bridge.table.pictures import Pictures

_BY_TAG = {
    "Image": {Medium.IMAGE},
    # Players take the sound of a video.
    "Audio": {Medium.AUDIO, Medium.VIDEO},
    "AudioPlus": {Medium.AUDIO, Medium.VIDEO},
    "Video": {Medium.VIDEO},
    "Pdf": {Medium.PDF},
    FETCHED_TEXT: {Medium.TEXT},
}
# They decode sounds by themselves, from an address.
_PLAYERS_OF_SOUNDS = {"Audio", "AudioPlus"}
# How addresses end, for programs that look at that: what comes is told by its bytes.
_EXTENSIONS = {Medium.AUDIO: "wav", Medium.VIDEO: "mp4", Medium.TEXT: "txt", Medium.PDF: "pdf"}


@lru_cache(maxsize=256)
def accepted_media(label_config: str | None, field: str) -> frozenset[Medium]:
    """What a field of tasks may hold to be shown by all objects that show it; anything if none does."""
    accepted = set(ANY)
    for tag in shown_fields(label_config).get(field, ()):
        accepted &= _BY_TAG.get(tag, set(ANY))
    return frozenset(accepted) or ANY


@lru_cache(maxsize=256)
def _is_heard(label_config: str | None, field: str) -> bool:
    return bool(_PLAYERS_OF_SOUNDS & shown_fields(label_config).get(field, set()))


def extension_of(accepted: frozenset[Medium]) -> str:
    """How the address of such a field ends."""
    return next((end for medium, end in _EXTENSIONS.items() if medium in accepted and accepted != ANY), "jpg")


def shown_pictures(storage: PolarDBImportStorage, field: str | None = None) -> Pictures:
    """Where the rows of a storage hold what tasks show in a field of its mapping; the first one if none is named."""
    table = storage.source_table
    first = mapping_of(table).picture_field
    name = field or first or PICTURE
    shown = storage.image_field if name == first else name
    config = storage.project.label_config
    return Pictures(table, name, accepted_media(config, shown), _is_heard(config, shown))
