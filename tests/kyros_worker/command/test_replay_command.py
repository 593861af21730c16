"""`kyros escalations replay`, which reads the database itself."""

import json

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from kyros_worker.command import replay_text
from kyros_worker.command.escalation_commands import escalations_app
from kyros_worker.database import transaction
from tests import factories
from tests.installed import schema

__all__ = ["schema"]

ASK = '[[rules]]\nname = "ask-all"\nthen = "ask"\nwhen = {confidence_below = 1.0}\n'


@pytest.fixture
def one_task(schema):
    with transaction() as connection:
        connection.execute(text("TRUNCATE tasks, events CASCADE"))
    return factories.run(factories.create(sandbox={"economy": {"confidence": 0.2}})["id"])


@pytest.fixture
def run(tmp_path):
    def replay(rules, *words):
        file = tmp_path / "other.toml"
        file.write_text(rules)
        return CliRunner().invoke(escalations_app, ["replay", "--rules", str(file), *words])

    return replay


def test_other_rules(one_task, run):
    done = run(ASK)
    assert (done.exit_code, done.stderr) == (0, "")
    first, _, *lines = done.stdout.splitlines()
    assert first.startswith("1 tasks created from 20")
    assert first.endswith("Z, test mode")
    assert [line.rsplit(maxsplit=2) for line in lines[1:7]] == [
        ["started on premium", "0", "0"],
        ["escalated", "0", "1"],
        ["asked a person", "1", "0"],
        ["failed by a rule", "0", "0"],
        ["  ask-all: asked a person", "1", "0"],
        ["  low-confidence: escalated", "0", "1"],
    ]
    assert any(line.startswith("Cost: $") and "(an estimate)" in line for line in lines)


def test_as_json(one_task, run):
    found = json.loads(run("rules = []", "--since", "12h", "--json", "--mode", "test").stdout)
    assert (found["tasks"], found["mode"]) == (1, "test")
    assert found["would"]["escalated"] == {"tasks": 0, "times": 0}
    assert found["really"]["escalated"] == {"tasks": 1, "times": 1}
    assert json.loads(run(ASK, "--json", "--mode", "live").stdout)["tasks"] == 0


def test_a_whole_configuration_is_read_for_its_rules(one_task, run):
    whole = (
        '[providers.openai]\napi_key_env = "NOT_SET"\n'
        f'[models.economy]\nmodel = "openai:gpt-5-mini"\n{ASK}'
    )
    assert "ask-all: asked a person" in run(whole).stdout


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("[[rules]", "is not valid TOML"),
        ('[[rules]]\nname = "x"\nthen = "ask"\n', "rules.x.when: must set a condition"),
        (ASK + ASK, "rules: two of them are called 'ask-all'"),
        (ASK.replace("1.0", "1.1"), "rules.ask-all.when.confidence_below: must be less than"),
    ],
)
def test_wrong_rules_are_one_sentence(schema, run, rules, said):
    done = run(rules)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("kyros: --rules: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [("--since", "soon"), ("--since", "0d"), ("--since", "30"), ("--since", "99999d"),
     ("--mode", "x")],
)  # fmt: skip
def test_what_is_typed_wrong_is_exit_code_2(schema, run, words):
    done = run(ASK, *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_without_a_file_or_a_database(schema, run, monkeypatch):
    missing = CliRunner().invoke(escalations_app, ["replay", "--rules", "none.toml"])
    assert missing.stderr == "kyros: --rules: none.toml can't be read: No such file or directory.\n"

    def fail():
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr("kyros_worker.database.read", fail)
    done = run(ASK)
    assert (done.exit_code, done.stderr) == (1, "kyros: The database can't be reached.\n")


def test_every_figure_of_the_text():
    none, two = {"tasks": 0, "times": 0}, {"tasks": 2, "times": 6}
    kinds = {"started_on_premium": two, "escalated": none, "asked": none, "failed": none}
    found = {
        "mode": "live", "from": "2026-11-01T00:00:00.000000Z", "to": "2026-12-01T00:00:00.000000Z",
        "tasks": 1200, "requested_by_people": 3, "would": kinds,
        "really": dict.fromkeys(kinds, none),
        "by_rule": [{"rule": "all", "kind": "started_on_premium", "would": two, "really": none}],
        "cost": {"really": 1.0, "would": 3.5, "difference": 2.5, "premium_really": 0.0,
                 "premium_would": 3.0, "if_asked_were_approved": 0.5},
        "not_known": {"premium_passes": 1, "economy_instead_of_premium": 2,
                      "tasks_with_other_answers": 3, "passes_if_approved": 4, "unpriced_calls": 5},
    }  # fmt: skip
    assert replay_text.report(found) == """\
1200 tasks created from 2026-11-01T00:00:00Z to 2026-12-01T00:00:00Z, live mode

tasks                      with these rules  really
started on premium         2 (6 times)       0
escalated                  0                 0
asked a person             0                 0
failed by a rule           0                 0
  all: started on premium  2 (6 times)       0
Besides, people asked for the premium model for 3 tasks.

Cost: $3.5000 (an estimate), really $1.0000; of it premium $3.0000, really $0.0000
  $2.5000 more than was spent
  $0.5000 more if all that would be asked newly were approved
Not known, and in no figure above:
  1 premium passes that would be added: no answer, or no premium price
  2 premium passes that would not be made: what economy would have cost instead
  3 tasks: what rules would have made of answers that were never given
  4 passes that would be approved: no answer, or no premium price
  5 calls: their model has no price"""  # fmt: skip
