"""What `deploy/prometheus` and `deploy/grafana` hold: rules, panels, and what they ask for."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from kyros_worker.settings import PROJECT_ROOT

PROMETHEUS = PROJECT_ROOT / "deploy/prometheus"
GRAFANA = PROJECT_ROOT / "deploy/grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))

#: What Grafana puts in place of its variables.
_VARIABLES = {"$job": "kyros", "$__rate_interval": "1m"}


def rules() -> list[dict[str, Any]]:
    """Every rule that is shipped, recording ones and alerts."""
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    groups = [one for file in files for one in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def panels() -> list[dict[str, Any]]:
    """Every panel of every dashboard, but for the rows' titles."""
    found = [one for file in DASHBOARDS for one in json.loads(file.read_text())["panels"]]
    return [one for one in found if one["type"] != "row"]


def questions() -> Iterator[tuple[str, str]]:
    """Each panel's title and an expression of it, as Grafana sends it."""
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in _VARIABLES.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression


def names(expression: str) -> set[str]:
    """The metrics and recorded series that an expression asks for."""
    without_labels = re.sub(r"\{[^}]*\}", "", expression)
    return set(re.findall(r"\b(?:[a-z_]+:)?(?:kyros_\w+|up\b)(?::\w+)?", without_labels))
