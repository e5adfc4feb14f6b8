"""What Chromium makes of image files."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from playwright.sync_api import Page

_SHOW = """async (uri) => {
    const image = new Image();
    image.src = uri;
    try { await image.decode(); } catch (error) { return null; }
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    let hash = 2166136261;
    for (const value of pixels) hash = Math.imul(hash ^ value, 16777619);
    return [canvas.width, canvas.height, hash];
}"""


@dataclass(frozen=True)
class Shown:
    """What Chromium shows: width, height, and a hash of the pixels."""

    width: int
    height: int
    pixels: int


def show(page: Page, data: bytes, media_type: str) -> Shown | None:
    """What `page` shows of an image; None if it shows that the image is broken."""
    found = page.evaluate(_SHOW, f"data:{media_type};base64,{base64.b64encode(data).decode()}")
    return Shown(*found) if found else None
