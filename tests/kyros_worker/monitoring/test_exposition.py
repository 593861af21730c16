"""`/metrics`: valid in both formats, and what plain SQL over the rows says."""

from collections import Counter
from datetime import timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as classic
from sqlalchemy import text

from kyros_worker.clock import now
from kyros_worker.database import transaction
from kyros_worker.fleet.heartbeat import Heartbeat
from kyros_worker.monitoring import exposition
from kyros_worker.monitoring import families as families_module
from kyros_worker.monitoring.exposition import Exposition
from kyros_worker.rollup import fold
from kyros_worker.words import ROLES
from tests import factories, stories
from tests.at_once import at_once

pytestmark = pytest.mark.usefixtures("nobody_works")

OPEN = "application/openmetrics-text; version=1.0.0"
GUIDES = {
    "kyros_tasks_total": ("counter", {"status", "type"}),
    "kyros_task_completion_rate": ("gauge", set()),
    "kyros_average_response_time_seconds": ("gauge", set()),
    "kyros_daily_cost_dollars": ("gauge", set()),
    "kyros_escalation_rate_percentage": ("gauge", set()),
    "kyros_model_usage_total": ("counter", {"model", "role"}),
}


def families(accept=""):
    """The families by name, as a parser of that format reads a fresh scrape."""
    told, content_type = Exposition().text(accept)
    parse = open_metrics if accept else classic
    found = list(parse(told.decode()))
    assert content_type.startswith(accept.partition(";")[0] or "text/plain")
    # In the classic format the parser names a counter without its suffix, too.
    return {(one.name, one.type): one for one in found}


def samples(accept=""):
    """Each sample's value by its name and labels."""
    found = {}
    for family in families(accept).values():
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of(found, name, *labels):
    """The values of a metric by the labels named."""
    return {
        tuple(dict(key)[label] for label in labels) if len(labels) > 1 else
        (dict(key)[labels[0]] if labels else ()): value
        for (one, key), value in found.items() if one == name
    }  # fmt: skip


def some(values):
    return {key: value for key, value in values.items() if value}


@pytest.mark.parametrize("accept", ["", OPEN])
def test_an_empty_database(accept):
    found = samples(accept)
    assert found["kyros_up", frozenset()] == 1
    for name in ("kyros_task_completion_rate", "kyros_daily_cost_dollars"):
        assert found[name, frozenset()] == 0
    assert of(found, "kyros_backlog", "role") == dict.fromkeys(ROLES, 0)
    assert of(found, "kyros_rate_limits_let_through_total") == {(): 0}
    assert of(found, "kyros_webhook_attempts_total", "outcome") == {"succeeded": 0, "failed": 0}
    # What is there with 0 has a rate when it rises.
    usage = of(found, "kyros_model_usage_total", "model", "role")
    models = ("sandbox:sandbox-economy", "sandbox:sandbox-premium")
    assert usage == {(model, role): 0 for model in models for role in ROLES}
    errors = of(found, "kyros_model_errors_total", "model", "kind")
    assert errors["sandbox:sandbox-economy", "rejected"] == 0


def test_the_guides_names_have_their_types_and_labels():
    factories.run(factories.create()["id"])
    told = Exposition().text("")[0].decode()
    found = samples()
    for name, (kind, labels) in GUIDES.items():
        assert f"# TYPE {name} {kind}\n" in told
        keys = [key for one, key in found if one == name]
        assert keys
        assert all(set(dict(key)) == labels for key in keys)


def test_a_counter_and_a_gauge_of_one_name():
    """OpenMetrics knows no two families of one name: there the counter has no type."""
    factories.run(factories.create()["id"])
    assert {key for key in families() if key[0] == "kyros_tasks"} == {
        ("kyros_tasks", "counter"), ("kyros_tasks", "gauge"),
    }  # fmt: skip
    found = families(OPEN)
    assert ("kyros_tasks", "gauge") in found
    assert ("kyros_tasks_total", "unknown") in found
    assert ("kyros_model_usage", "counter") in found
    assert samples() == samples(OPEN)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_plain_sql_says(seed):
    stories.live_through(seed)
    for step in range(3):
        found = samples(OPEN if step else "")
        assert some(of(found, "kyros_tasks_total", "status", "type")) == stories.entered()
        now_in = some(of(found, "kyros_tasks", "state", "status", "type"))
        assert now_in == stories.tasks_now()
        calls = stories.calls()
        by = ("model", "role", "tier")
        costs = of(found, "kyros_model_cost_dollars_total", *by)
        estimated = of(found, "kyros_model_estimated_cost_dollars", *by)
        assert some(costs) == some({key: float(one.cost) for key, one in calls.items()})
        assert some(estimated) == some({key: float(one.estimated) for key, one in calls.items()})
        usage: Counter[tuple[str, str]] = Counter()
        for one in calls.values():
            usage[one.model, one.role] += one.calls
        assert some(of(found, "kyros_model_usage_total", "model", "role")) == usage
        tokens = of(found, "kyros_model_tokens_total", *by, "direction")
        assert some(tokens) == some({
            (*key, direction): getattr(one, direction)
            for key, one in calls.items()
            for direction in ("input", "output")
        })  # fmt: skip
        counted = of(found, "kyros_model_call_duration_seconds_count", *by)
        assert some(counted) == some({key: one.timed for key, one in calls.items()})
        seconds = of(found, "kyros_model_call_duration_seconds_bucket", *by, "le")
        within = {key[:3]: value for key, value in seconds.items() if key[3] == "1.0"}
        assert some(within) == some({key: one.second for key, one in calls.items()})
        errors = of(found, "kyros_model_errors_total", "model", "kind")
        assert some(errors) == stories.call_errors()
        assert some(of(found, "kyros_escalations_total", "status")) == stories.escalations()
        assert found["kyros_daily_cost_dollars", frozenset()] == float(stories.spent())
        ends = stories.ends(since=now() - timedelta(minutes=50))
        rate = 100 * ends["completed"] / ends["judged"]
        assert found["kyros_task_completion_rate", frozenset()] == pytest.approx(rate)
        average = float(sum(ends["seconds"])) / len(ends["seconds"])
        told = found["kyros_average_response_time_seconds", frozenset()]
        assert told == pytest.approx(average, rel=1e-12)
        queued = stories.rows(
            "SELECT role, count(*) FILTER (WHERE state = 'queued' AND due_at <= now()),"
            " count(*) FILTER (WHERE state = 'running') FROM submissions GROUP BY 1"
        )
        backlog = of(found, "kyros_backlog", "role")
        assert some(backlog) == some({role: waits + runs for role, waits, runs in queued})
        if step == 0:
            stories.fold_all()


def test_counters_never_go_back():
    before = {}
    for seed in range(5):
        stories.live_through(seed, count=6)
        if seed % 2:
            stories.fold_all()
        found = {
            key: value
            for family in families().values()
            if family.type in ("counter", "histogram")
            for key, value in (
                ((one.name, frozenset(one.labels.items())), one.value) for one in family.samples
            )
        }
        assert all(found[key] >= value for key, value in before.items())
        before = found


def test_a_type_is_told_when_its_label_is_decided(monkeypatch):
    for module in (fold, families_module):
        monkeypatch.setattr(module, "MOST_LABELS", 2)
    for name in ("a", "b"):
        factories.create(type=name)
    assert of(samples(), "kyros_queue_depth", "role")["implementer"] == 2
    assert set(of(samples(), "kyros_tasks_total", "type")) == {"a", "b"}
    for name in ("c", "d"):
        factories.create(type=name)
    assert of(samples(), "kyros_tasks_total", "type") == {}
    stories.fold_all()
    factories.create(type="a")
    factories.create(type="e")
    found = some(of(samples(), "kyros_tasks_total", "status", "type"))
    assert found == {("pending", "a"): 2, ("pending", "b"): 1, ("pending", "other"): 3}
    stories.fold_all()
    found = some(of(samples(), "kyros_tasks_total", "status", "type"))
    assert found == {("pending", "a"): 2, ("pending", "b"): 1, ("pending", "other"): 3}


def test_what_waits_and_who_works():
    factories.create()
    working = factories.begin(factories.create(type="review")["submission_id"])
    with transaction() as connection:
        Heartbeat("critic@machine-1")._beat(connection)
        connection.execute(text("UPDATE submissions SET due_at = now() - interval '90 seconds'"
                                " WHERE state = 'queued'"))  # fmt: skip
        connection.execute(text("INSERT INTO counters VALUES ('rate_limits_let_through', 7)"))
    assert working.brief.role == "critic"
    found = samples()
    assert of(found, "kyros_queue_depth", "role")["implementer"] == 1
    assert of(found, "kyros_in_flight", "role")["critic"] == 1
    assert of(found, "kyros_busy_workers", "role")["critic"] == 1
    assert of(found, "kyros_workers", "role") == {
        "implementer": 0, "critic": 1, "integrator": 0, "webhooks": 0,
    }  # fmt: skip
    assert 90 <= found["kyros_oldest_waiting_task_seconds", frozenset()] < 120
    assert found["kyros_rate_limits_let_through_total", frozenset()] == 7


def test_the_breakers_of_live_models(tmp_path):
    from tests.live_models import configured, on

    with transaction() as connection:
        connection.execute(text("INSERT INTO breakers (id, faults, open_until) VALUES"
                                " ('local:mine', 5, now() + interval '1 minute')"))  # fmt: skip
    with configured(tmp_path / "models.toml", on("http://127.0.0.1:9/v1")):
        found = samples()
    breaker = of(found, "kyros_model_breaker", "model", "state")
    assert breaker["local:mine", "open"] == 1
    assert breaker["local:mine", "closed"] == 0


def test_live_figures_where_there_are_live_models(tmp_path):
    from tests.live_models import configured, on

    factories.create()
    stories.fold_all()
    assert some(of(samples(), "kyros_tasks_total", "type"))
    with configured(tmp_path / "models.toml", on("http://127.0.0.1:9/v1")):
        assert of(samples(), "kyros_tasks_total", "type") == {}


def test_those_who_ask_at_once_share_one_computation(monkeypatch):
    asked = []
    families_of = exposition._families

    def slowly():
        asked.append(1)
        return families_of()

    monkeypatch.setattr(exposition, "_families", slowly)
    monkeypatch.setattr(exposition, "_REMEMBERED_SECONDS", 60.0)
    shared = Exposition()

    told = at_once(lambda accept: shared.text(accept)[0], [OPEN, ""] * 4)
    assert (len(asked), len(set(told))) == (1, 2)


@pytest.mark.parametrize("accept", ["", OPEN])
def test_while_postgres_is_away(monkeypatch, accept):
    from psycopg2 import OperationalError as PsycopgError
    from sqlalchemy.exc import OperationalError

    def gone():
        raise OperationalError("", {}, PsycopgError("gone"))

    monkeypatch.setattr(exposition, "read", gone)
    found = samples(accept)
    assert found["kyros_up", frozenset()] == 0
    assert {name for name, _ in found} == {"kyros_up", "kyros_build_info"}
