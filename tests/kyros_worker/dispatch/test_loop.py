"""The pace of the sweeps."""

import threading

from kyros_worker.dispatch import loop


def test_a_sweep_that_has_more_runs_again_in_the_next_round(monkeypatch):
    stopping, calls = threading.Event(), []

    def has_more():
        calls.append("more")
        return calls.count("more") < 3

    def has_none():
        calls.append("none")

    def ends():
        if calls.count("more") == 3:
            stopping.set()

    # Of the two that are due once an hour, one is through after three rounds.
    monkeypatch.setattr(loop, "_SWEEPS", ((has_more, 3600), (has_none, 3600), (ends, 0)))
    monkeypatch.setattr(loop, "_POLL_SECONDS", 0)
    thread = threading.Thread(target=loop._sweep, args=(stopping,), daemon=True)
    thread.start()
    thread.join(20)
    stopping.set()
    assert calls == ["more", "none", "more", "more"]
