"""The documented statements, and what running statements leaves."""

from __future__ import annotations

from typing import Any

from polardb_bridge.deployments.models import StatementRecord

DEPLOY = (
    "/*polar4ai*/DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = '1', annotation_source = "
    "'polardb4ai_annotation_source_animal', deployment_name = 'mark_animal');"
)
DOCUMENTED = f"""{DEPLOY}
/*polar4ai*/SHOW DEPLOYMENT `mark_animal`;   /*polar4ai*/SHOW DEPLOYMENTS;
/*polar4ai*/UPDATE WHITEIPS `model_mark_animal` WITH (ips='118.178.1.2,192.168.100.0/24');
/*polar4ai*/SHOW WHITEIPS `model_mark_animal`;
/*polar4ai*/DROP DEPLOYMENT `mark_animal`;
"""
COLUMNS = (
    *("deployment_name", "status", "request_path", "username", "password", "white_ip_name", "annotation_source"),
    *("annotation_template_id", "rows", "tasks", "failed_rows", "annotated", "pending_writebacks", "created_at"),
    *("query", "filter"),
)
ADDRESS = "203.0.113.7"


def records() -> list[tuple[str, str]]:
    return list(StatementRecord.objects.order_by("pk").values_list("statement", "outcome"))


def row_of(answer: Any) -> dict[str, Any]:
    [row] = answer.rows
    return dict(zip(answer.columns, row, strict=True))
