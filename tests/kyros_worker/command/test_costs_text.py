"""`kyros costs`: what was spent, for people and for programs."""

import json

import pytest
from typer.testing import CliRunner

from kyros_worker.command.task_commands import task_app
from tests.kyros_worker.command.scripted_api import KEY, data, refusal

SUM = {"cost": 0.5, "calls": 12_345, "input_tokens": 1_000_000, "output_tokens": 7}
COSTS = {
    "period": "7d", "from": "2026-11-15T00:00:00Z", "to": "2026-11-22T00:00:00Z", "mode": "live",
    "currency": "USD", "total_cost": 0.5, "calls": 12_345, "unpriced_calls": 0,
    "estimated_calls": 0, "estimated_cost": 0.0,
    "by_model": {"openai:gpt-5-mini": SUM}, "by_role": {"critic": SUM}, "by_tier": {"economy": SUM},
    "series": [],
    "savings": {"vs_premium_only": 1.5, "percentage": 75.0, "premium_only_cost": 2.0,
                "not_compared_answers": 0, "estimate": True},
    "budget": {},
}  # fmt: skip


@pytest.fixture
def run(api, tmp_path, monkeypatch):
    monkeypatch.setenv("KYROS_HOME", str(tmp_path))
    monkeypatch.setenv("KYROS_API_URL", api.url)
    monkeypatch.setenv("KYROS_API_KEY", KEY)
    return lambda *typed: CliRunner().invoke(task_app, ["costs", *typed])


def test_costs(api, run):
    api.answers(data(COSTS))
    done = run("--period", "7d")
    assert done.exit_code == 0, done.output
    assert api.asked[0].path == "/v1/monitoring/costs?period=7d"
    for part in ("The last 7d: $0.5000, 12345 calls", "$1.5000 saved", "75.0%", "gpt-5-mini",
                 "12,345", "1,000,000"):  # fmt: skip
        assert part in done.stdout
    for part in ("test", "estimated", "Budget", "no known price"):
        assert part not in done.stdout


def test_what_is_not_as_it_should_be_is_told(api, run):
    saved = {**COSTS["savings"], "vs_premium_only": -0.25, "percentage": -12.5,
             "not_compared_answers": 3}  # fmt: skip
    budget = {"day": {"day": "2026-11-22", "spent": 9.0, "hard": 10.0}, "task": {"soft": 1.0}}
    api.answers(data({
        **COSTS, "mode": "test", "unpriced_calls": 2, "estimated_calls": 4, "estimated_cost": 0.1,
        "savings": saved, "budget": budget,
    }))  # fmt: skip
    done = run()
    assert api.asked[0].path == "/v1/monitoring/costs?period=1d"
    for part in ("$0.5000 test-mode money", "lost against premium only", "12.5%",
                 "4 told no usage", "2 have no known price", "3 answers have no premium price",
                 "today, all keys: $9.0000 test-mode money spent or reserved, hard limit",
                 "each task: soft limit"):  # fmt: skip
        assert part in done.stdout


def test_json(api, run):
    api.answers(data(COSTS))
    assert json.loads(run("--json").stdout) == COSTS


def test_a_wrong_period_is_the_apis_to_refuse(api, run):
    api.answers(refusal(422, "period must be one of 1h, 6h, 1d, 7d, 30d."))
    done = run("--period", "2d")
    assert (done.exit_code, "period must be one of" in done.stderr) == (1, True)
