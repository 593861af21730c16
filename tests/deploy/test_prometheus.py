"""The rules and dashboards that are shipped: whole, and about what `/metrics` gives."""

import re
import subprocess
from collections import defaultdict
from itertools import chain

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as classic

from kyros_worker.monitoring.exposition import Exposition
from kyros_worker.settings import PROJECT_ROOT
from tests import factories
from tests.monitored import (
    GRAFANA,
    PROMETHEUS,
    alerts,
    names,
    panels,
    questions,
    rules,
)
from tests.programs import needed

#: The guide's panels: their types where Grafana still has them, and what each shows.
GUIDES = {
    "Task Completion Rate": ("stat", "kyros_task_completion_rate"),
    "Average Response Time": ("timeseries", "kyros_average_response_time_seconds"),
    "Daily Cost": ("stat", "kyros_daily_cost_dollars"),
    "Escalation Rate": ("timeseries", "kyros_escalation_rate_percentage"),
    "Tasks by Status": ("piechart", "kyros_tasks_total"),
    "Model Usage by Role": ("barchart", "kyros_model_usage_total"),
}
#: Metrics that have no sample before there was something to count.
NOTHING_TO_COUNT = {
    "kyros_model_errors_total": {"model", "kind"}, "kyros_model_breaker": {"model", "state"},
}  # fmt: skip
#: What Prometheus itself adds.
OF_PROMETHEUS = {"job", "instance"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture
def told(no_tasks):
    """What `/metrics` gives, where a task has gone through every role."""
    factories.run(factories.create()["id"])
    return Exposition().text("")[0].decode()


def test_every_metric_that_is_asked_for_is_given(told):
    given = {"up"} | {rule["record"] for rule in rules() if "record" in rule}
    for family in classic(told):
        given |= {family.name + suffix for suffix in SUFFIXES.get(family.type, ("",))}
    expressions = [rule["expr"] for rule in rules()] + [one for _, one in questions()]
    for expression in expressions:
        assert names(expression), expression
        assert names(expression) <= given, expression


def test_labels_that_are_asked_for_are_given(told):
    given = defaultdict(set, NOTHING_TO_COUNT)
    for family in classic(told):
        for one in family.samples:
            given[one.name] |= set(one.labels)
    for rule in rules():
        if "record" in rule:
            given[rule["record"]] = set(chain(*_grouped_by(rule["expr"])))
    for expression in [rule["expr"] for rule in rules()] + [one for _, one in questions()]:
        of_all = set().union(*(given[one] for one in names(expression)))
        for labels in _grouped_by(expression):
            assert labels <= of_all | OF_PROMETHEUS, expression
        for name, selected in re.findall(r"([\w:]+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)[=!]", selected))
            assert labels <= given[name] | OF_PROMETHEUS, expression


def _grouped_by(expression):
    """The labels of each `by` and `on`."""
    for labels in re.findall(r"(?:by|on) \(([^)]*)\)", expression):
        yield {one.strip() for one in labels.split(",")}


def test_only_one_job_is_looked_at():
    """The guide's exporter tells the same names: both together would be counted twice."""
    for expression in [rule["expr"] for rule in rules()] + [one for _, one in questions()]:
        selected = re.findall(
            r"\b(?:kyros_\w+|up)(\{[^}]*\})?", re.sub(r"\w+:\w+:\w+", "", expression)
        )
        assert all('job="kyros"' in one for one in selected), expression
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert [one["job_name"] for one in config["scrape_configs"]] == ["kyros"]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_its_runbook_and_says_what_it_is(rule):
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    page, anchor = rule["annotations"]["runbook"].split("#")
    assert anchor == rule["alert"].lower()
    part = (PROJECT_ROOT / page).read_text().partition(f"\n## {rule['alert']}\n")[2]
    part = part.partition("\n## ")[0]
    for word in ("**Means**", "**Look**", "**Do**"):
        assert word in part


def test_no_runbook_without_an_alert():
    page = (PROJECT_ROOT / "docs/runbooks.md").read_text()
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == [rule["alert"] for rule in alerts()]


def test_every_alert_is_tested_firing_and_quiet():
    cases = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
    found = {(case["alertname"], bool(case.get("exp_alerts")))
             for test in cases for case in test["alert_rule_test"]}  # fmt: skip
    every = {rule["alert"] for rule in alerts()}
    assert found == {(name, fires) for name in every for fires in (True, False)}


def test_the_guides_dashboard():
    by_title = {panel["title"]: panel for panel in panels()}
    assert len(by_title) == len(panels())
    for title, (kind, metric) in GUIDES.items():
        panel = by_title[title]
        assert panel["type"] == kind
        assert [names(target["expr"]) for target in panel["targets"]] == [{metric}]
    assert "sum by (status)" in by_title["Tasks by Status"]["targets"][0]["expr"]


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_every_panel_explains_itself(panel):
    assert panel["type"] in ("stat", "timeseries", "piechart", "barchart")
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    for one in (panel, *panel["targets"]):
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    place = panel["gridPos"]
    assert place["x"] + place["w"] <= 24


def test_panels_lie_beside_each_other():
    taken = {}
    for panel in panels():
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_provisioning():
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/kyros.yml").read_text())[
        "datasources"
    ]
    assert (source["type"], source["url"]) == ("prometheus", "$PROMETHEUS_URL")
    (provider,) = yaml.safe_load((GRAFANA / "provisioning/dashboards/kyros.yml").read_text())[
        "providers"
    ]
    assert (provider["type"], provider["options"]) == ("file", {"path": "$KYROS_DASHBOARDS"})


@pytest.mark.parametrize(
    "words",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules/alerts.yml", "rules/recording.yml"],
        ["test", "rules", "rules_test.yml"],
    ],
    ids=" ".join,
)
def test_promtool(words):
    needed("promtool")
    done = subprocess.run(
        ["promtool", *words],
        cwd=PROMETHEUS,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_promtool_finds_nothing_wrong_with_the_metrics(told):
    needed("promtool")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=told, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
