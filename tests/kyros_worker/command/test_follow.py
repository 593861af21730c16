import pytest

from kyros_worker.command.client_error import ApiError, UnreachableError
from kyros_worker.command.follow import changes, follow
from tests.kyros_worker.command.scripted_api import Asked, ScriptedApi, data, refusal, stream


def changed(tasks):
    return [(task["state"], task["updated_at"][17:19]) for task in tasks]


def test_a_broken_stream_is_resumed_after_the_last_change(api: ScriptedApi, make_task, pauses):
    done = make_task(9, state="completed")
    api.answers(
        stream((1, make_task(1)), (4, make_task(4, state="running")), drop=True),
        stream((5, make_task(5, state="running"))),
        stream((9, done), end=True),
        data(done),
    )
    seen = list(changes(api.client(), make_task(0)))
    assert changed(seen) == [
        ("queued", "01"), ("running", "04"), ("running", "05"), ("completed", "09"),
    ]  # fmt: skip
    assert [asked.headers.get("Last-Event-ID") for asked in api.asked] == ["0", "4", "5", None]


def test_where_streams_are_refused_the_task_is_waited_for(api: ScriptedApi, make_task, pauses):
    api.answers(
        refusal(503, "Too many streams.", Retry_After="5"),
        data(make_task(3, state="running")),
        refusal(429, "Too many requests."),
        data(make_task(7, state="failed", error="It broke.")),
    )
    seen = list(changes(api.client(), make_task(0)))
    assert changed(seen) == [("running", "03"), ("failed", "07")]
    assert [asked.path.rpartition("/")[2] for asked in api.asked] == [
        "stream", "task_17953903388844524678222?wait=5",
        "stream", "task_17953903388844524678222?wait=5",
    ]  # fmt: skip
    # A wait that was answered at once is not asked again at once.
    assert any(0.5 < pause <= 1 for pause in pauses)


def test_the_past_of_a_task_that_was_retried_is_not_told_again(api: ScriptedApi, make_task, pauses):
    done = make_task(20, state="completed")
    api.answers(
        stream((1, make_task(1)), (5, make_task(5, state="failed")), (9, make_task(9))),
        stream((20, done), end=True),
        data(done),
    )
    seen = list(changes(api.client(), make_task(9)))
    assert changed(seen) == [("completed", "20")]


def test_a_final_task_is_not_asked_for(api: ScriptedApi, make_task):
    assert list(changes(api.client(), make_task(1, state="cancelled"))) == []
    assert api.asked == []


def test_a_refusal_that_stays_is_raised(api: ScriptedApi, make_task):
    api.answers(refusal(404, "There is no task task_1."))
    with pytest.raises(ApiError, match="There is no task"):
        list(follow(api.client(), [make_task()]))


def test_an_api_that_stays_away_is_given_up(api: ScriptedApi, make_task, pauses, monkeypatch):
    monkeypatch.setattr("kyros_worker.command.follow._PATIENCE_SECONDS", 0.0)
    client = api.client()
    api.stop()
    with pytest.raises(UnreachableError):
        list(changes(client, make_task()))


def test_more_tasks_than_streams_are_followed_to_their_ends(api: ScriptedApi, make_task):
    def answer(asked: Asked):
        task_id = asked.path.split("/")[3]
        done = make_task(9, id=task_id, state="completed")
        return stream((2, done), end=True) if asked.path.endswith("stream") else data(done)

    api.answers(answer)
    tasks = [make_task(0, id=f"task_{n}") for n in range(70)]
    seen = list(follow(api.client(), tasks))
    assert {task["id"] for task in seen} == {task["id"] for task in tasks}
    assert len(seen) == 70
