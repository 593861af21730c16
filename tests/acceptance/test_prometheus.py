"""A real Prometheus that scrapes a stack, with the files that are shipped."""

import math
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from kyros_worker.command.ports import free_port
from tests.acceptance.endpoints import endpoints
from tests.acceptance.stack import Deployment
from tests.conftest import served
from tests.eventually import eventually
from tests.monitored import PROMETHEUS, questions, rules
from tests.programs import needed
from tests.receiver import Receiver


@contextmanager
def prometheus(stack: Deployment, folder: Path) -> Iterator[httpx.Client]:
    """Asks one that looks each three seconds, not each 15; all else is as it is shipped.

    A look that takes longer than the time between two has failed, and the series end with it.
    """
    needed("prometheus")
    home = shutil.copytree(PROMETHEUS, folder / "prometheus")
    config = home / "prometheus.yml"
    shipped = config.read_text()
    target = f"127.0.0.1:{stack.http.base_url.port}"
    changed = shipped.replace("127.0.0.1:8000", target).replace("_interval: 15s", "_interval: 3s")
    assert changed.count("_interval: 3s") == 2
    assert target in changed
    config.write_text(changed)
    port = free_port()
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with served(command, folder / "log", signal.SIGTERM) as check, httpx.Client(
        base_url=f"{url}/api/v1", trust_env=False, timeout=30
    ) as client:  # fmt: skip
        eventually(lambda: check() or _is_ready(url), 60, "Prometheus is ready")
        yield client


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def ask(client: httpx.Client, path: str, **parameters: str) -> Any:
    return client.get(path, params=parameters).raise_for_status().json()["data"]


def values(client: httpx.Client, expression: str) -> list[float]:
    """What an expression gives, but for what is no number."""
    found = ask(client, "query", query=expression)["result"]
    return [value for one in found if math.isfinite(value := float(one["value"][1]))]


def test_it_scrapes_the_stack_and_answers_every_panel(stack, tmp_path):
    receiver = Receiver()
    with receiver.listening(), endpoints(stack, receiver, "/hook"), prometheus(
        stack, tmp_path
    ) as client:  # fmt: skip
        eventually(lambda: _targets(client) == ["up"], 30, "the target is up")
        loaded = [one for group in ask(client, "rules")["groups"] for one in group["rules"]]
        assert [one["name"] for one in loaded] == [
            rule.get("alert") or rule["record"] for rule in rules()
        ]
        unanswered = list(questions())
        assert len(unanswered) > 20

        def answered() -> bool:
            # Rates need work that ends between one look and the next.
            stack.create({"economy": {"confidence": 0.2}})
            stack.create({"error": "server_error"}, type="review")
            unanswered[:] = [one for one in unanswered if not values(client, one[1])]
            return not unanswered

        try:
            eventually(answered, 60, "every panel's expression is answered")
        finally:
            assert not unanswered
        for rule in rules():
            if "record" in rule:
                assert eventually(lambda r=rule: values(client, r["record"]), 30, rule["record"])
        eventually(
            lambda: {one["health"] for group in ask(client, "rules")["groups"]
                     for one in group["rules"]} == {"ok"}, 30, "every rule was evaluated",
        )  # fmt: skip
        eventually(stack.all_final, 60, "all work is done")
        told = sum(row[0] for row in stack.query("SELECT count(*) FROM tasks"))
        eventually(
            lambda: values(client, 'sum(kyros_tasks{job="kyros"})') == [told], 20,
            "it says how many tasks there are",
        )  # fmt: skip


def test_an_alert_fires_when_a_fleet_is_gone(stack, tmp_path):
    """Without the wait of its rule: `promtool test rules` tries that."""
    with prometheus(stack, tmp_path) as client, stack.frozen("critic"):
        expression = next(rule["expr"] for rule in rules() if rule.get("alert") == "KyrosNoWorkers")
        eventually(lambda: _roles(client, expression) == ["critic"], 60, "the rule holds")
        eventually(lambda: "KyrosNoWorkers" in _alerts(client), 40, "the alert is pending")


def _roles(client: httpx.Client, expression: str) -> list[str]:
    return [one["metric"]["role"] for one in ask(client, "query", query=expression)["result"]]


def _alerts(client: httpx.Client) -> set[str]:
    """Pending or firing; a busy machine may raise others, too."""
    return {one["labels"]["alertname"] for one in ask(client, "alerts")["alerts"]}


def _targets(client: httpx.Client) -> list[str]:
    return [one["health"] for one in ask(client, "targets")["activeTargets"]]
