import pytest

from kyros_worker.reason import over_limit, reason
from kyros_worker.rules import When

FIGURES = {
    "priority": "critical", "type": "audit", "complexity": "high", "role": "critic",
    "confidence": 0.4999, "score": 0.31, "refused": True, "revisions": 2, "failed_tries": 3,
    "error_kind": "timeout",
}  # fmt: skip


@pytest.mark.parametrize(("when", "words"), [
    ({"score_below": 0.4, "revisions": 1},
     "The critic's score 0.31 is below 0.40 after 2 revisions"),
    ({"confidence_below": 0.5}, "The critic's confidence 0.4999 is below 0.50"),
    ({"confidence_below": 0.5, "score_below": 1, "type": ["audit"]},
     ("The critic's confidence 0.4999 is below 0.50, the critic's score 0.31 is below 1.00 "
      "and the type is audit")),
    ({"refused": True, "revisions": 2}, "The critic refused what it judged after 2 revisions"),
    ({"revisions": 0}, "The draft has had 2 revisions"),
    ({"failed_tries": 3}, "3 tries failed"),
    ({"failed_tries": 3, "error_kind": ["timeout"]}, "3 tries failed, the last by a time-out"),
    ({"priority": ["critical"], "complexity": ["high"]},
     "The priority is critical and the complexity is high"),
    ({}, "Every task starts on premium"),
])  # fmt: skip
def test_the_reason(when, words):
    assert reason(When(**when), FIGURES) == words


def test_one_is_not_many():
    figures = {**FIGURES, "failed_tries": 1, "error_kind": "content_refused", "revisions": 1}
    refused = When(error_kind=["content_refused"])
    words = "The try failed because the model refused the content"
    assert reason(refused, figures) == words
    assert reason(refused, {**figures, "failed_tries": None}) == words
    assert reason(When(failed_tries=1), figures) == "The try failed"
    assert reason(When(revisions=1), figures) == "The draft has had 1 revision"
    assert reason(When(refused=False), {**figures, "refused": False}) == (
        "The critic did not refuse what it judged"
    )


@pytest.mark.parametrize(("name", "value", "words"), [
    ("estimated_cost_usd", "1.20",
     "its estimated cost of 1.20 USD is above the 1.00 USD that the rule allows"),
    ("estimated_cost_usd", None,
     "its cost is not known and may pass the 1.00 USD that the rule allows"),
    ("budgets.key_day.soft", "1.20",
     ("its estimated cost would bring the key's day to 1.20 USD, above its soft limit of "
      "1.00 USD")),
    ("budgets.task.hard", None,
     "its cost is not known and may pass the hard limit of 1.00 USD for the task"),
])  # fmt: skip
def test_over_a_limit(name, value, words):
    assert over_limit({"figure": name, "value": value, "limit": "1.00"}) == words
