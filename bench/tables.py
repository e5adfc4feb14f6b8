"""The source tables of the benchmark."""

from __future__ import annotations

import io
import os
from typing import Any

KEYS, FEW_KEYS, IMAGES, FEW_IMAGES = "bench_rows", "bench_few_rows", "bench_images", "bench_few_images"
IMAGE_BYTES = 100 * 1024
CHANGED = 1000

_INSERT = (
    "INSERT INTO {table} (base64_data, mime_type, original_name)"
    " SELECT {data}, 'jpg', CONCAT('photo-', seq, '.jpg') FROM seq_1_to_{rows}"
)
_SMALL = "REPEAT('A', 1000)"


def jpeg() -> bytes:
    """A photo that takes IMAGE_BYTES in base64, give or take a few."""
    from PIL import Image

    def saved(side: int, comment: bytes = b" ") -> bytes:
        buffer = io.BytesIO()
        Image.frombytes("RGB", (side, side), bytes(noise[: side * side * 3])).save(
            buffer, "JPEG", quality=95, comment=comment
        )
        return buffer.getvalue()

    size = IMAGE_BYTES * 3 // 4
    noise = os.urandom(400 * 400 * 3)
    side = next(side for side in range(400, 0, -4) if len(saved(side)) <= size)
    return saved(side, b" " * (size - len(saved(side))))


def fill(url: str, rows: int, images: int) -> None:
    """KEYS: `rows` rows of 1 KB; IMAGES: `images` rows of 100 KB; and a tenth as many in FEW_KEYS and FEW_IMAGES."""
    from polardb_bridge.table.connection import begin
    from polardb_bridge.table.parameters import ConnectionParameters
    from polardb_bridge.table.schema import create_table, source_table, template_table

    image = jpeg()
    with begin(ConnectionParameters.from_url(url)) as connection:
        create_table(connection, template_table())
        connection.exec_driver_sql(
            "INSERT INTO annotation_template (tp_name, tp_schema)"
            """ VALUES ('bench', '{"type": "ObjectDetection", "labels": ["cat"]}')"""
        )
        for table, count in ((KEYS, rows), (FEW_KEYS, rows // 10)):
            create_table(connection, source_table(table))
            connection.exec_driver_sql(_INSERT.format(table=table, data=_SMALL, rows=count))
        for table, count in ((IMAGES, images), (FEW_IMAGES, images // 10)):
            create_table(connection, source_table(table))
            connection.exec_driver_sql(_INSERT.format(table=table, data="TO_BASE64(%s)", rows=count), (image,))


def change_and_delete(parameters: Any) -> None:
    """Change the first rows of KEYS and delete the last ones."""
    from polardb_bridge.table.connection import begin

    with begin(parameters) as connection:
        later = "updated_at = updated_at + INTERVAL 1 MINUTE"
        connection.exec_driver_sql(f"UPDATE {KEYS} SET {later} ORDER BY id LIMIT {CHANGED}")
        connection.exec_driver_sql(f"DELETE FROM {KEYS} ORDER BY id DESC LIMIT {CHANGED}")


def replace_deleted(parameters: Any) -> None:
    """As many new rows as `change_and_delete` has deleted."""
    from polardb_bridge.table.connection import begin

    with begin(parameters) as connection:
        connection.exec_driver_sql(_INSERT.format(table=KEYS, data=_SMALL, rows=CHANGED))
