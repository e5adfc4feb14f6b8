"""Tables whose rows hold, or name, something to label of each medium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polardb_bridge.labeling import TYPES
from polardb_bridge.table.connection import begin
from support.source_data import Source, base64_text, image_bytes

# By medium: the column, and how it is read.
READ = {
    "image": "photo:base64",
    "text": "body:text",
    "audio": "sound:url",
    "video": "film:url",
    "csv": "series:url",
}
BODY = "Ada Lovelace worked for Charles Babbage in London. 🐈 <b>Both</b> were born there."
_COLUMNS = """id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(80), photo LONGTEXT, body TEXT, sound VARCHAR(255),
 film VARCHAR(255), series VARCHAR(255), annotation_data JSON, annotation_count INT NOT NULL DEFAULT 0,
 annotation_uid VARCHAR(255), annotation_create_at TIMESTAMP NULL, annotation_update_at TIMESTAMP NULL"""


def create(source: Source, table: str, files: str = "https://files.example.com", rows: int = 2) -> None:
    """A table of these rows; files: where Label Studio serves its samples."""
    photo = base64_text(image_bytes("JPEG", (640, 480), "teal"))
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(f"CREATE TABLE `{table}` ({_COLUMNS}) CHARACTER SET utf8mb4")
        for number in range(1, rows + 1):
            connection.exec_driver_sql(
                f"INSERT INTO `{table}` (title, photo, body, sound, film, series) VALUES (%s, %s, %s, %s, %s, %s)",
                (
                    f"row {number}",
                    photo,
                    BODY,
                    f"{files}/static/samples/game.wav?{number}",
                    f"{files}/static/samples/opossum_snow.mp4?{number}",
                    f"{files}/samples/time-series.csv?time=time&values=velocity,acceleration&number={number}",
                ),
            )


def fields_of(schema: dict[str, Any]) -> dict[str, str]:
    """By field of the task, how a table of ours is read for a template, as `--map` takes it."""
    parts: Sequence[dict[str, Any]] = schema.get("controls", [schema])
    if "label_config" in schema:
        return {"image": READ["image"]}
    media = [(TYPES[part["type"]].medium.field, part.get("field")) for part in parts]
    return {field or medium: READ[medium] for medium, field in media}


def mapping_of(schema: dict[str, Any]) -> str:
    """The same, as `map` of DEPLOY MODEL takes it."""
    return ", ".join(f"{field}={read}" for field, read in fields_of(schema).items())
