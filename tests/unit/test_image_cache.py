from __future__ import annotations

from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.table.images.decode import DecodedImage


def link(row_id: int, version: int = 1) -> ImageLink:
    return ImageLink(1, row_id, version)


def image(size: int) -> DecodedImage:
    return DecodedImage(b"x" * size, "image/png")


def test_an_image_is_found_under_its_own_link_only() -> None:
    cache = ImageCache[DecodedImage]()
    cache.put(link(1), image(10))
    assert cache.get(link(1)) == image(10)
    assert cache.get(link(2)) is None
    assert cache.get(link(1, version=2)) is None


def test_the_least_recently_used_go_first() -> None:
    cache = ImageCache[DecodedImage](max_bytes=100)
    for row_id in range(5):
        cache.put(link(row_id), image(20))
    cache.get(link(0))
    cache.put(link(9), image(20))
    assert cache.get(link(0))
    assert cache.get(link(1)) is None
    assert cache.get(link(9))


def test_a_large_image_does_not_push_out_all_others() -> None:
    cache = ImageCache[DecodedImage](max_bytes=100)
    cache.put(link(1), image(10))
    cache.put(link(2), image(90))
    assert cache.get(link(2)) is None
    assert cache.get(link(1))


def test_putting_again_counts_once() -> None:
    cache = ImageCache[DecodedImage](max_bytes=100)
    for _ in range(20):
        cache.put(link(1), image(25))
    cache.put(link(2), image(25))
    assert cache.get(link(1))
    assert cache.get(link(2))


def test_an_old_image_is_forgotten() -> None:
    cache = ImageCache[DecodedImage](max_age_s=-1)
    cache.put(link(1), image(1))
    assert cache.get(link(1)) is None
