"""What a file is that is no image, by its first bytes, and whether browsers show it."""

from __future__ import annotations

from enum import Enum

import filetype

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.identify import image_format, other_kind
from polardb_bridge.table.images.problems import not_shown

# As many of a file's first bytes as tell.
START_BYTES = 3072


class Medium(str, Enum):
    """What a labeling interface shows."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    TEXT = "text"
    PDF = "pdf"


# Any of them: nothing says what is shown.
ANY: frozenset[Medium] = frozenset(Medium)
IMAGES = frozenset({Medium.IMAGE})

TEXT_TYPE = "text/plain; charset=utf-8"
PDF_TYPE = "application/pdf"
# By the type that `filetype` tells, the one that browsers play. QuickTime is the same container as MP4, and players ask
# first whether the type is one that they know.
_PLAYED = {
    "audio/x-wav": "audio/wav",
    "audio/mpeg": "audio/mpeg",
    "audio/aac": "audio/aac",
    "audio/ogg": "audio/ogg",
    "audio/x-flac": "audio/flac",
    "audio/mp4": "audio/mp4",
    "video/mp4": "video/mp4",
    "video/quicktime": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/webm": "video/webm",
}
_NOT_PLAYED = {
    "video/x-matroska": "Matroska videos (MKV)",
    "video/x-msvideo": "AVI videos",
    "video/x-ms-wmv": "Windows Media files (WMV, WMA)",
    "video/x-flv": "Flash videos",
    "video/mpeg": "MPEG videos",
    "video/3gpp": "3GP videos",
    "audio/x-aiff": "AIFF sounds",
    "audio/amr": "AMR sounds",
    "audio/midi": "MIDI files",
}
# Major brands that `filetype` does not know: of parts and streams, which have no other mark (ISO/IEC 14496-12).
_MP4_BRANDS = (b"iso", b"avc1", b"dash", b"cmf", b"msd", b"mp4", b"M4V", b"f4v")
_RAW_BRANDS = (b"crx ",)
_TEXT_CONTROLS = b"\t\n\r\f"
_NAMES = {
    Medium.IMAGE: ("an image", "AVIF, BMP, GIF, HEIC, ICO, JPEG, PNG, TIFF, WEBP"),
    Medium.AUDIO: ("a sound", "AAC, FLAC, M4A, MP3, MP4, Ogg, WAV, WebM"),
    Medium.VIDEO: ("a video", "MP4, WebM"),
    Medium.TEXT: ("a text", "text in UTF-8"),
    Medium.PDF: ("a PDF document", "PDF"),
}


def medium_of(media_type: str) -> Medium:
    """What is shown of a type that `recognized` has given, or of an image's."""
    return Medium.PDF if media_type == PDF_TYPE else Medium(media_type.partition("/")[0])


def is_image(start: bytes, accepted: frozenset[Medium]) -> bool:
    """Whether a file that begins so is looked at as an image, which has checks of its own (`images.decode`)."""
    return accepted == IMAGES or (Medium.IMAGE in accepted and image_format(start[:32]) is not None)


def recognized(start: bytes, accepted: frozenset[Medium]) -> str:
    """The media type of a file that is no image, as browsers take it.

    Raises:
        RowError: it is none that browsers show, or none of `accepted`.
    """
    if not start:
        raise RowError("base64_data is empty")
    media_type = _media_type(start)
    if media_type is None:
        raise _something_else(_words_for(start), accepted)
    medium = medium_of(media_type)
    if medium not in accepted:
        raise _something_else(_NAMES[medium][0], accepted)
    return media_type


def _media_type(start: bytes) -> str | None:
    if start.startswith(b"%PDF-"):
        return PDF_TYPE
    if _is_text(start):
        # Markup could be shown as a page; text in front of it is no matter, as nothing is guessed of a plain text.
        return None if start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") else TEXT_TYPE
    if b"theora" in start[:256] and start.startswith(b"OggS"):
        raise not_shown("Ogg videos", "store MP4 or WebM")
    brand = start[8:12] if start[4:8] == b"ftyp" else b""
    if brand in _RAW_BRANDS:
        raise not_shown("raw images of cameras", "store JPEG")
    found = filetype.guess(start)
    found_type = found.mime if found else None
    if found_type in _NOT_PLAYED:
        raise not_shown(_NOT_PLAYED[found_type], "store MP4 or WebM" if "video" in found_type else "store MP3 or WAV")
    if found_type in _PLAYED:
        return _PLAYED[found_type]
    return "video/mp4" if brand.startswith(_MP4_BRANDS) and image_format(start[:32]) is None else None


def _is_text(start: bytes) -> bool:
    """Whether this is how a text in UTF-8 begins; the last character may be cut off."""
    if any(byte < 32 and byte not in _TEXT_CONTROLS for byte in start):
        return False
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and error.start >= len(start) - 3
    return True


def _words_for(start: bytes) -> str | None:
    name = image_format(start[:32])
    return f"{'an' if name[0] in 'AI' else 'a'} {name} image" if name else other_kind(start)


def _something_else(kind: str | None, accepted: frozenset[Medium]) -> RowError:
    if kind is None:
        return RowError(f"base64_data is not {_wanted(accepted)}")
    formats = "; ".join(_NAMES[medium][1] for medium in Medium if medium in accepted)
    return RowError(f"base64_data is not {_wanted(accepted)}, but {kind}; store one of {formats}")


def _wanted(accepted: frozenset[Medium]) -> str:
    if accepted == ANY:
        return "anything that browsers show"
    return " or ".join(_NAMES[medium][0] for medium in Medium if medium in accepted)
