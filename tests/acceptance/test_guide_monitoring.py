"""The guide's exporter. Its own faults:

1. it ends at once, since all its threads are daemons: the one correction, `STAYS`;
2. it counts the newest 100 tasks again every minute, so its `kyros_tasks_total` is no number of
   tasks: it is compared after the first minute;
3. it never sets its `kyros_model_usage_total`.

Kyros tells all six names itself, at `/metrics`, without these faults.
"""

import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from kyros_worker.command.ports import free_port
from kyros_worker.settings import PROJECT_ROOT
from tests.acceptance.stack import KEY, Deployment
from tests.conftest import served
from tests.eventually import eventually

EXPORTER = PROJECT_ROOT / "tests/peers/guide_exporter.py"
STAYS = "\n    while True:\n        time.sleep(60)\n"
GAUGES = (
    "kyros_task_completion_rate", "kyros_average_response_time_seconds",
    "kyros_daily_cost_dollars", "kyros_escalation_rate_percentage",
)  # fmt: skip


def samples(text: str) -> dict[Any, float]:
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def program(stack: Deployment, port: int) -> str:
    """The exporter with this stack's host and key, and a port of its own."""
    code = EXPORTER.read_text()
    for printed, here in {
        "https://api.kyros.com": str(stack.http.base_url).rstrip("/"),
        "your-kyros-api-key": KEY,
        "start_server(port=8000)": f"start_server(port={port})",
    }.items():
        assert printed in code
        code = code.replace(printed, here)
    return code


def test_the_guides_exporter(stack: Deployment, tmp_path: Path):
    tasks = [stack.create(), stack.create({"error": "server_error", "error_times": 9}),
             stack.create({"economy": {"confidence": 0.2}}, type="review")]  # fmt: skip
    stack.wait_final(*tasks, seconds=120)
    port = free_port()

    def exported() -> dict[Any, float]:
        try:
            return samples(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text)
        except httpx.TransportError:
            return {}

    def collected() -> bool:
        return any(name == "kyros_tasks_total" for name, *_ in exported())

    log = tmp_path / "exporter.log"
    command = [sys.executable, "-c", program(stack, port) + STAYS]
    with served(command, log, signal.SIGTERM) as check:
        eventually(lambda: check() or collected(), 60, "the exporter has collected")
        found = exported()
    assert "Error collecting metrics" not in log.read_text()
    native = samples(stack.http.get("/metrics").text)
    for name in GAUGES:
        assert found[(name,)] == native[(name,)]
    newest = stack.http.get("/v1/tasks", params={"limit": 100}).json()["data"]["tasks"]
    counted = Counter((one["status"], one["type"]) for one in newest)
    assert {
        (labels["status"], labels["type"]): value
        for (name, *pairs), value in found.items()
        if name == "kyros_tasks_total" and (labels := dict(pairs))
    } == counted
    # What it leaves out is told natively.
    assert not any(name == "kyros_model_usage_total" for name, *_ in found)
    assert any(name == "kyros_model_usage_total" and value for (name, *_), value in native.items())
