from datetime import UTC, datetime
from decimal import Decimal

import pytest

from kyros_worker.command import task_line


@pytest.mark.parametrize(
    ("length", "shown"),
    [(0, "0:00"), (7.9, "0:07"), (723, "12:03"), (3723, "1:02:03"), (183_600, "2d 3h")],
)
def test_duration(length, shown):
    assert task_line.duration(length) == shown


@pytest.mark.parametrize(
    ("cost", "mode", "short", "shown"),
    [
        ("0", "live", False, "$0.0000"),
        ("0.00235675", "live", True, "$0.0024"),
        ("0.00001", "test", False, "<$0.0001 test-mode money"),
        ("12.5", "test", True, "$12.5000 test"),
    ],
)
def test_money_says_whether_anybody_pays_it(cost, mode, short, shown):
    assert task_line.money(Decimal(cost), mode, short=short) == shown


def test_elapsed_is_until_the_end_or_now_or_the_last_change(make_task):
    now = datetime(2026, 11, 22, 23, 33, tzinfo=UTC)
    assert task_line.seconds(make_task(5)) == 5
    assert task_line.seconds(make_task(5), now) == 60
    ended = make_task(5, state="failed", completed_at="2026-11-22T23:32:04.500000Z")
    assert task_line.seconds(ended, now) == 4.5
    behind = datetime(2026, 11, 22, 23, 31, tzinfo=UTC)
    assert task_line.seconds(make_task(5), behind) == 0


def test_a_change_is_one_line(make_task):
    task = make_task(5, stage="critic", percentage=33, title="Evil\n\x1b[31m [red]")
    assert task_line.change(task) == (
        "task_17953903388844524678222   33%  critic        0:05  $0.0024 test-mode money  "
        "At critic.  Evil \\x1b[31m [red]"
    )


def test_an_error_takes_the_place_of_the_message(make_task):
    assert task_line.message(make_task(error="It\nbroke.")) == "It broke."


def test_totals_keep_test_money_apart(make_task):
    tasks = [
        make_task(state="completed", cost_usd=0.1),
        make_task(state="failed", cost_usd=0.2),
        make_task(state="completed", mode="live", cost_usd=1.5),
        make_task(cost_usd=0),
    ]
    assert task_line.totals(tasks) == (
        "3 of 4 ended: 2 completed, 1 failed · $1.5000 · $0.3000 test-mode money"
    )
    assert task_line.totals([make_task(cost_usd=0)]) == "0 of 1 ended · $0.0000 test-mode money"


def test_a_cost_that_is_not_known_is_told_as_such(make_task):
    assert task_line.told_cost(make_task()) == "$0.0024 test-mode money"
    for calls, told in ((1, "1 call"), (3, "3 calls")):
        task = make_task() | {"unpriced_calls": calls}
        assert task_line.told_cost(task) == f"$0.0024 test-mode money and {told} of unknown cost"
