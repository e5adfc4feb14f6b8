"""Templates that are deployed, and what is labeled with them over HTTP."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.statements.parser import parse
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin
from support.deployments import import_storage_of, open_here
from support.source_data import TABLE, Source

# By the heading of the documentation's example: what Label Studio's editor has sent for it, drawn by a mouse
# (tests/labeling/test_each_type.py).
EDITOR_REGIONS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "editor_regions.json").read_text(encoding="utf-8")
)


def deployed(source: Source, schema: Any, table: str = TABLE, options: str = "") -> Deployment:
    """The deployment of a template that holds this schema, synced. options: more of the statement's."""
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(
            "REPLACE INTO annotation_template (tp_name, tp_schema) VALUES ('mine', %s)", (json.dumps(schema),)
        )
    [statement] = parse(
        f"DEPLOY MODEL `Label-Studio` WITH (annotation_template_id='mine', annotation_source='{table}', "
        f"deployment_name='mark_animal'{options})"
    )
    made = deploy(statement, source.parameters)  # type: ignore[arg-type]
    open_here(made)
    run_sync(import_storage_of(made), force=True)
    return made


def submit(api: Any, task: Any, *result: dict[str, Any]) -> int:
    answer = api.post(f"/api/tasks/{task.pk}/annotations/", {"result": list(result)}, format="json")
    assert answer.status_code == 201, answer.content
    made: int = answer.json()["id"]
    return made


def label_rows(api: Any) -> list[list[str]]:
    answer = api.get("/polardb/deployments/mark_animal/labels.csv")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
