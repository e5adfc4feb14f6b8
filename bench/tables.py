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
    """A photo that takes about IMAGE_BYTES in base64."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.frombytes("RGB", (190, 190), os.urandom(190 * 190 * 3)).save(buffer, "JPEG", quality=95)
    # Bytes after the end of a JPEG change nothing: every row has the size asked for.
    return buffer.getvalue().ljust(IMAGE_BYTES * 3 // 4, b"\0")


def fill(url: str, rows: int, images: int) -> None:
    """KEYS: `rows` rows of 1 KB; IMAGES: `images` rows of 100 KB; and a tenth as many in FEW_KEYS and FEW_IMAGES."""
    from polardb_bridge.table.connection import ConnectionParameters, begin
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
