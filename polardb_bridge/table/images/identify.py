"""What a file is, by its first bytes."""

from __future__ import annotations

# Formats of images, by the first bytes; `?` in place of a byte that may be any.
_IMAGES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"RIFF????WEBP", "WEBP"),
    (b"BM????\0\0\0\0", "BMP"),
    (b"\0\0\1\0", "ICO"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
# Brands of the ISO base media format (ISO/IEC 14496-12), which many formats share.
_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
}
# What people store in the place of an image.
_OTHERS = (
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\3\4", "a zip archive or an Office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"8BPS", "a Photoshop file"),
    (b"FUJIFILMCCD-RAW", "a raw image of a camera (Fujifilm)"),
    (b"IIU\0", "a raw image of a camera (Panasonic)"),
    (b"IIRO", "a raw image of a camera (Olympus)"),
    (b"IIRS", "a raw image of a camera (Olympus)"),
    (b"FOVb", "a raw image of a camera (Sigma)"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"DDS ", "a DDS texture"),
    (b"v/1\1", "an OpenEXR image"),
    (b"qoif", "a QOI image"),
    (b"FLIF", "a FLIF image"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\4", "a Python pickle"),
    (b"\x80\5", "a Python pickle"),
    (b"RIFF????AVI ", "a video (AVI)"),
    (b"RIFF????WAVE", "a sound (WAV)"),
    (b"\x1aE\xdf\xa3", "a video (WebM or Matroska)"),
    (b"\0\0\1\xba", "a video (MPEG)"),
    (b"\0\0\1\xb3", "a video (MPEG)"),
    (b"FLV\1", "a video (Flash)"),
    (b"ID3", "a sound (MP3)"),
    (b"\xff\xfb", "a sound (MP3)"),
    (b"OggS", "a sound (Ogg)"),
    (b"fLaC", "a sound (FLAC)"),
    (b"SIMPLE  =", "a FITS file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"icns", "an Apple icon (ICNS)"),
    (b"\1\xda\0?", "an SGI image"),
    (b"\1\xda\1?", "an SGI image"),
    (b"gimp xcf", "a GIMP file"),
    (b"MZ", "a program (EXE or DLL)"),
    (b"\x7fELF", "a program (ELF)"),
    (b"P1", "a Netpbm image"),
    (b"P4", "a Netpbm image"),
    (b"P5", "a Netpbm image"),
    (b"P6", "a Netpbm image"),
)
_DICOM_AT = 128
_TGA_HEADER = 18


def image_format(data: bytes) -> str | None:
    """The format of an image by its first 32 bytes: one that browsers show, or TIFF or HEIC; None if it is none."""
    for magic, name in _IMAGES:
        if _begins(data, magic):
            return name
    if data[4:8] == b"ftyp":
        brands = {data[8:12], *(data[i : i + 4] for i in range(16, 32, 4))}
        # AVIF files often name the general brand of HEIF first.
        found = {_BRANDS[brand] for brand in brands if brand in _BRANDS}
        return "AVIF" if "AVIF" in found else next(iter(found), None)
    return None


def other_kind(data: bytes) -> str | None:
    """What a file is that is no image of the formats above, in words with an article; None if it cannot be told."""
    for magic, name in _OTHERS:
        if _begins(data, magic):
            return name
    if data[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return "a DICOM file"
    if data[4:8] == b"ftyp":
        return "a video (MP4 or QuickTime)"
    return _kind_of_text(data) or _kind_by_header(data)


def _kind_by_header(data: bytes) -> str | None:
    """Formats without a mark of their own: several values of their headers must be as they are in such files."""
    # https://www.fileformat.info/format/pcx/egff.htm, https://www.fileformat.info/format/tga/egff.htm
    if len(data) >= 4 and data[0] == 0x0A and data[1] in (0, 2, 3, 4, 5) and data[2] == 1 and data[3] in (1, 2, 4, 8):
        return "a PCX image"
    if len(data) < _TGA_HEADER:
        return None
    has_map, kind, size, depth = data[1], data[2], data[12:16], data[16]
    is_mapped = has_map == 1 and kind in (1, 9) and depth in (8, 16)
    is_direct = has_map == 0 and kind in (2, 3, 10, 11) and not any(data[3:8]) and depth in (8, 15, 16, 24, 32)
    has_pixels = any(size[:2]) and any(size[2:])
    return "a TGA image" if (is_mapped or is_direct) and has_pixels and data[17] < 0x40 else None


def _kind_of_text(start: bytes) -> str | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<") and b"<svg" in text:
        return "an SVG drawing"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if text.startswith(b"<"):
        return "an XML or HTML text"
    if text.startswith((b"{", b"[")):
        return "a JSON text"
    if text and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start[:256]):
        return "a text"
    return None


def _begins(data: bytes, magic: bytes) -> bool:
    if b"?" not in magic:
        return data.startswith(magic)
    return len(data) >= len(magic) and all(want in (have, 0x3F) for want, have in zip(magic, data, strict=False))
