"""Tables and rows as users have them."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from PIL import Image

from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.parameters import ConnectionParameters

# To the letter as PolarDB for AI documents it.
TEMPLATE_DDL = """CREATE TABLE `annotation_template` (
  `id` int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `tp_name` varchar(255) NOT NULL, `tp_description` text,
  `tp_schema` json NOT NULL,
  `tp_is_active` tinyint(1) DEFAULT '1', UNIQUE KEY `tp_name` (`tp_name`) USING BTREE)"""
SOURCE_DDL = """CREATE TABLE `polardb4ai_annotation_source_animal` (
  `id` int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `base64_data` longtext, `mime_type` varchar(100) NOT NULL,
  `original_name` varchar(255) NOT NULL,
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `annotation_data` json DEFAULT NULL,
  `annotation_create_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `annotation_update_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `annotation_count` int(11) NOT NULL, `annotation_uid` varchar(255) DEFAULT NULL)"""
TABLE = "polardb4ai_annotation_source_animal"
LABELS = ["cat", "dog"]


def url_of(parameters: ConnectionParameters) -> str:
    """As POLARDB_URL takes it."""
    secret = f":{parameters.password}" if parameters.password else ""
    return f"mysql://{parameters.user}{secret}@{parameters.host}:{parameters.port}/{parameters.database}"


def image_bytes(kind: str = "PNG", size: tuple[int, int] = (8, 6), color: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True)
class Source:
    """The source table of a test, seen by SQL of the tests' own."""

    parameters: ConnectionParameters
    table: str = TABLE

    @classmethod
    def create(cls, parameters: ConnectionParameters) -> Source:
        with begin(parameters) as connection:
            connection.exec_driver_sql(TEMPLATE_DDL)
            connection.exec_driver_sql(SOURCE_DDL)
            schema = json.dumps({"type": "ObjectDetection", "labels": LABELS})
            connection.execute(
                sa.text("INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('animals', :schema)"),
                {"schema": schema},
            )
        return cls(parameters)

    def add(self, *rows: tuple[str, str | None]) -> list[int]:
        """Insert rows of name and base64 text; their ids."""
        with begin(self.parameters) as connection:
            return [
                connection.execute(
                    sa.text(
                        f"INSERT INTO {self.table} (base64_data, mime_type, original_name, annotation_count)"
                        " VALUES (:data, 'jpg', :name, 0)"
                    ),
                    {"data": data, "name": name},
                ).lastrowid
                for name, data in rows
            ]

    def add_images(self, count: int) -> list[int]:
        data = base64_text(image_bytes())
        return self.add(*((f"photo-{number}.png", data) for number in range(count)))

    def row(self, row_id: int) -> dict[str, Any]:
        """A row without its image; `annotation_data` parsed."""
        with connect(self.parameters) as connection:
            found = connection.execute(
                sa.text(
                    "SELECT original_name, updated_at, annotation_data, annotation_create_at, annotation_update_at,"
                    f" annotation_count, annotation_uid FROM {self.table} WHERE id = :id"
                ),
                {"id": row_id},
            ).one()
        row = dict(found._mapping)
        if isinstance(row["annotation_data"], (str, bytes)):
            row["annotation_data"] = json.loads(row["annotation_data"])
        return row

    def execute(self, statement: str) -> None:
        with begin(self.parameters) as connection:
            connection.exec_driver_sql(statement)


def region(label: str = "cat", x: float = 10.0) -> dict[str, Any]:
    """A box as Label Studio's editor submits it."""
    return {
        "id": "Dx_aB0x1Qz",
        "type": "rectanglelabels",
        "value": {"x": x, "y": 20.5, "width": 30, "height": 40.25, "rotation": 0, "rectanglelabels": [label]},
        "origin": "manual",
        "to_name": "image",
        "from_name": "label",
        "image_rotation": 0,
        "original_width": 8,
        "original_height": 6,
    }
