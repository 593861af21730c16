"""The rules of the configuration's file, the page that tells them, and what is refused of them."""

import re
import tomllib
from decimal import Decimal

import pytest

from kyros_worker import configuration, rules
from kyros_worker.configuration import Configuration
from kyros_worker.errors import ConfigurationError
from kyros_worker.rules import DEFAULT_RULES, Rule, When
from kyros_worker.settings import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs/reference/escalation-rules.md").read_text()


def read(tmp_path, text):
    file = tmp_path / "kyros.toml"
    file.write_text(text)
    return configuration.read(file).rules


def rule(keys, name="it"):
    return f'[[rules]]\nname = "{name}"\n{keys}\n'


GOOD = rule('then = "escalate"\nwhen = {score_below = 0.4}')


def test_a_rule_says_all_that_it_can(tmp_path):
    text = rule(
        'then = "escalate"\nmax_cost_usd = 0.10\nfour_eyes = true\ntimeout_seconds = 60\n'
        'on_timeout = "accept_best"\n'
        'when = {priority = ["high"], type = ["my_type"], complexity = ["low"], role = ["critic"], '
        "confidence_below = 0.6, score_below = 1, refused = true, revisions = 2}"
    )
    (found,) = read(tmp_path, text)
    assert found == Rule(
        name="it", then="escalate", max_cost_usd=Decimal("0.10"), four_eyes=True,
        timeout_seconds=60, on_timeout="accept_best",
        when=When(
            priority=("high",), type=("my_type",), complexity=("low",), role=("critic",),
            confidence_below=0.6, score_below=1.0, refused=True, revisions=2,
        ),
    )  # fmt: skip


def test_what_is_left_out_has_its_default(tmp_path):
    (found,) = read(tmp_path, GOOD)
    assert (found.max_cost_usd, found.four_eyes, found.timeout_seconds, found.on_timeout) == (
        None, False, 14_400, "reject",
    )  # fmt: skip


def test_the_files_rules_replace_the_defaults_wholly(tmp_path):
    assert read(tmp_path, "") == Configuration().rules == DEFAULT_RULES
    assert read(tmp_path, "rules = []") == ()
    assert [one.name for one in read(tmp_path, GOOD)] == ["it"]


@pytest.mark.parametrize(("keys", "moments"), [
    ('then = "start_on_premium"', ("start",)),
    ('then = "start_on_premium"\nwhen = {role = ["critic"]}', ("start",)),
    ('then = "escalate"\nwhen = {refused = true}', ("answer",)),
    ('then = "fail"\nwhen = {failed_tries = 1}', ("failure",)),
    ('then = "ask"\nwhen = {error_kind = ["rejected"], revisions = 1}', ("failure",)),
    ('then = "ask"\nwhen = {revisions = 1}', ("answer", "failure")),
])  # fmt: skip
def test_when_a_rule_is_asked(tmp_path, keys, moments):
    (found,) = read(tmp_path, rule(keys))
    assert found.moments == moments


def on(condition, then="escalate"):
    return rule(f'then = "{then}"\nwhen = {{{condition}}}')


WRONG = [
    (GOOD + GOOD, "rules: two of them are called 'it'"),
    ("rules = 3", "rules: must be a list"),
    ("rules = [3]", "rules.1: must be a table."),
    ("[rules]\nname = 'it'\n", "rules: must be a list"),
    ("[[rules]]\nthen = 'fail'\nwhen = {refused = true}\n", "rules.1.name: Field required"),
    (GOOD + "[[rules]]\nthen = 'fail'\nwhen = {refused = true}\n", "rules.2.name: Field required"),
    (rule("when = {refused = true}"), "rules.it.then: Field required"),
    (rule("then = 'hope'"), "rules.it.then: must be 'start_on_premium', 'escalate', 'ask' or"),
    (rule("then = 'fail'", name="Big One"), "rules.Big One.name: must be of lower-case letters"),
    (rule("then = 'fail'", name=""), "rules.1.name: must be of lower-case letters"),
    (rule("then = 'fail'", name="a" * 65), "name: must be of lower-case letters"),
    (rule("then = 'fail'", name="ä"), "name: must be of lower-case letters"),
    (rule("then = 'fail'", name="a\\nb"), "rules.1.name: must be of lower-case letters"),
    ("[[rules]]\nname = 3\nthen = 'fail'\n", "rules.1.name: must be a valid string"),
    (GOOD + "mood = 1\n", "rules.it.mood: is not a known key"),
    (on("tier = ['economy']"), "rules.it.when.tier: is not a known key"),
    (on("confidence_below = 1.01"), "rules.it.when.confidence_below: must be less than"),
    (on("confidence_below = -0.1"), "rules.it.when.confidence_below: must be greater than"),
    (on("confidence_below = nan"), "rules.it.when.confidence_below: must be greater than"),
    (on("confidence_below = true"), "rules.it.when.confidence_below: must be a valid number"),
    (on("score_below = '0.5'"), "rules.it.when.score_below: must be a valid number"),
    (on("score_below = 40"), "rules.it.when.score_below: must be less than"),
    (on("revisions = -1"), "rules.it.when.revisions: must be greater than"),
    (on("revisions = 1.5"), "rules.it.when.revisions: must be a valid integer"),
    (on("failed_tries = 0"), "rules.it.when.failed_tries: must be greater than"),
    (on("failed_tries = true"), "rules.it.when.failed_tries: must be a valid integer"),
    (on("refused = 1"), "rules.it.when.refused: must be a valid boolean"),
    (on("priority = 'high'"), "rules.it.when.priority: must be a list"),
    (on("priority = []"), "rules.it.when.priority: must name at least one"),
    (on("priority = ['urgent']"), "rules.it.when.priority.0: must be 'critical', 'high'"),
    (on("role = ['painter']"), "rules.it.when.role.0: must be 'implementer'"),
    (on("complexity = ['huge']"), "rules.it.when.complexity.0: must be 'low'"),
    (on("type = ['No Type']"), "rules.it.when.type.0: must match pattern"),
    (on("error_kind = ['bad_luck']"), "rules.it.when.error_kind.0: must be 'rate_limited'"),
    *[(on(condition, "start_on_premium"), f"rules.it.when: {name} is not known at the start")
      for name, condition in (("confidence_below", "confidence_below = 0.5"),
                              ("score_below", "score_below = 0.5"), ("refused", "refused = true"),
                              ("revisions", "revisions = 0"), ("failed_tries", "failed_tries = 1"),
                              ("error_kind", "error_kind = ['timeout']"))],
    *[(rule(f"then = '{then}'"), "rules.it.when: must set a condition, or every answer")
      for then in ("escalate", "ask", "fail")],
    (on("score_below = 0.5, failed_tries = 1"),
     "rules.it.when: score_below is of an answer and failed_tries of a failed try: never both"),
    *[(on("refused = true", "fail") + f"{option}\n",
       f"rules.it.{option.split()[0]}: means nothing where `then` is 'fail'")
      for option in ("max_cost_usd = 1", "four_eyes = true", "timeout_seconds = 5",
                     "on_timeout = 'reject'")],
    (on("refused = true", "ask") + "max_cost_usd = 1\n",
     "rules.it.max_cost_usd: means nothing where `then` is 'ask'"),
    (rule("then = 'start_on_premium'\non_timeout = 'accept_best'"),
     "rules.it.on_timeout: means nothing where `then` is 'start_on_premium'"),
    (GOOD + "max_cost_usd = -1\n", "rules.it.max_cost_usd: must be greater than or equal to 0"),
    (GOOD + "max_cost_usd = inf\n", "rules.it.max_cost_usd: must be a finite number"),
    (GOOD + "max_cost_usd = true\n", "rules.it.max_cost_usd: must be an amount in USD"),
    (GOOD + "timeout_seconds = 0\n", "rules.it.timeout_seconds: must be greater than"),
    (GOOD + "timeout_seconds = 2592001\n", "rules.it.timeout_seconds: must be less than"),
    (GOOD + "four_eyes = 'yes'\n", "rules.it.four_eyes: must be a valid boolean"),
    (GOOD + "on_timeout = 'approve'\n", "rules.it.on_timeout: must be 'reject' or 'accept_best'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG, ids=lambda value: value[-60:])
def test_a_wrong_rule_is_refused_with_a_sentence(tmp_path, text, words):
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    sentence = str(caught.value)
    assert sentence.startswith(f"KYROS_CONFIG: {tmp_path / 'kyros.toml'}: ")
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def written(value):
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def as_row(one):
    conditions = [
        f"`{name} = [{', '.join(map(written, asked))}]`" if isinstance(asked, tuple)
        else f"`{name} = {written(asked)}`"
        for name, asked in one.when.conditions.items()
    ]  # fmt: skip
    return [f"`{one.name}`", ", ".join(conditions), f"`{one.then}`"]


def table_below(heading):
    below = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_the_page_has_the_default_rules_in_their_order():
    assert [row[:3] for row in table_below("The default rules")] == list(map(as_row, DEFAULT_RULES))
    # Its table tells of no option, so none of them sets any.
    assert all(one.model_fields_set == {"name", "when", "then"} for one in DEFAULT_RULES)


@pytest.mark.parametrize(("heading", "model"), [("Conditions", When), ("Options", Rule)])
def test_the_page_has_every_key(heading, model):
    keys = set(model.model_fields) - {"name", "when", "then"}
    assert {row[0].strip("`") for row in table_below(heading)} == keys


def test_the_page_says_which_outcomes_an_option_is_for():
    told = {row[0].strip("`"): tuple(re.findall("`(.+?)`", row[1]))
            for row in table_below("Options")}  # fmt: skip
    assert told == rules._MEANT_FOR


def test_the_pages_samples_are_good():
    samples = re.findall(r"```toml\n(.+?)```", PAGE, re.DOTALL)
    assert samples
    for sample in samples:
        assert Configuration.model_validate(tomllib.loads(sample, parse_float=Decimal)).rules
