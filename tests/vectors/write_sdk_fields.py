"""Writes sdk_fields.json: what the API answers, by the OpenAPI document.

Run by hand after a change to the API's answers: `python -m tests.vectors.write_sdk_fields`.
"""

import json
import os
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "sdk_fields.json"
#: A model of the SDKs, and the schemas of the answers that are read as it.
SCHEMAS = {
    "Task": ["TaskRecord"],
    "TaskStatus": ["TaskStatus"],
    "Progress": ["Progress"],
    "TaskEvent": ["TimelineItem"],
    "AgentSubmission": ["AgentSubmission"],
    "Escalation": ["EscalationRecord"],
    "Webhook": ["WebhookRecord", "WebhookWithSecret"],
    "Delivery": ["DeliveryRecord"],
    "DeliveryAttempt": ["DeliveryAttempt"],
    "Replay": ["Replayed"],
    "ApiKey": ["ApiKeyRecord", "ApiKeyWithSecret"],
    "Health": ["Health"],
    "Maintenance": ["MaintenanceHealth"],
    "Metrics": ["Metrics"],
    "Metric": ["Metric"],
    "MetricPoint": ["MetricStep"],
    "Costs": ["Costs"],
    "TaskCosts": ["TaskCosts"],
    "CostSum": ["CostSum"],
    "CostStep": ["CostStep"],
    "Savings": ["CostSavings"],
    "Budget": ["DayBudget", "TaskBudget"],
}


def fields(document: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """Each model's fields, and whether an answer may have it null or leave it out."""
    schemas = document["components"]["schemas"]
    found = {model: _fields([schemas[name] for name in SCHEMAS[model]]) for model in SCHEMAS}
    # Read without its envelope.
    del found["Metrics"]["metrics"]
    found["Metrics"].update(_fields([schemas["MetricsFound"]]))
    return found


def _fields(schemas: list[dict[str, Any]]) -> dict[str, bool]:
    names = dict.fromkeys(name for schema in schemas for name in schema["properties"])
    return {name: any(_may_lack(schema, name) for schema in schemas) for name in names}


def _may_lack(schema: dict[str, Any], name: str) -> bool:
    kinds = schema["properties"].get(name, {}).get("anyOf", [])
    return name not in schema.get("required", ()) or {"type": "null"} in kinds


if __name__ == "__main__":
    # The application wants to know one, and asks it nothing here.
    os.environ.setdefault("REDIS_URL", "redis://127.0.0.1")
    from api.app import create_app
    from api.documentation import document

    FILE.write_text(json.dumps(fields(document(create_app())), indent=2) + "\n")
