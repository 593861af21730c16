import pytest

from kyros_worker.command.supervisord import LONGEST_PAUSE, pause_after


@pytest.mark.parametrize(
    ("run_seconds", "short_runs", "pause"),
    [
        (5, 0, 0),
        (5, 1, 1),
        (5, 7, 7),
        (5, 5000, LONGEST_PAUSE),
        (3600, 5000, 0),
    ],
)
def test_the_pause_grows_with_short_runs_and_is_bounded(run_seconds, short_runs, pause):
    assert pause_after(run_seconds, short_runs) == pause
