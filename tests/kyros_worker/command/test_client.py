import pytest

from kyros_worker.command.client_error import ApiError, ClientError, UnreachableError
from tests.kyros_worker.command.scripted_api import KEY, Answer, ScriptedApi, data, refusal, stream

UP = "start the stack with `kyros up`"


def test_a_request_carries_the_key_and_an_idempotency_key_of_its_own(api: ScriptedApi, make_task):
    api.answers(data(make_task(), 201))
    api.client().create({"title": "x"})
    api.client().create({"title": "x"})
    api.client().create({"title": "x"}, "mine")
    first, second, third = (asked.headers["Idempotency-Key"] for asked in api.asked)
    assert api.asked[0].path == "/v1/tasks"
    assert api.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert api.asked[0].json == {"title": "x"}
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize(
    ("passing", "pause"),
    [
        (refusal(500, "Something went wrong here."), 0.5),
        (refusal(503, "Not now.", Retry_After="7"), 7.0),
        (refusal(429, "Too many requests.", Retry_After="2"), 2.0),
        (refusal(429, "Too many requests.", Retry_After="3600"), 30.0),
        (refusal(503, "Not now.", Retry_After="Sun, 22 Nov 2026 23:32:00 GMT"), 0.5),
        (refusal(409, "The same request is at work.", Retry_After="2"), 2.0),
        (Answer(drop=True), 0.5),
        (Answer(200, b'{"succ', drop=True), 0.5),
        (Answer(502, b"<html>bad gateway</html>"), 0.5),
    ],
)
def test_what_passes_is_sent_again_under_the_same_key(
    api: ScriptedApi, make_task, pauses, passing, pause
):
    api.answers(passing, data(make_task(), 201))
    assert api.client().create({"title": "x"}) == make_task()
    assert pauses == [pause]
    keys = {asked.headers["Idempotency-Key"] for asked in api.asked}
    assert len(api.asked) == 2
    assert len(keys) == 1


def test_after_four_more_tries_the_refusal_is_told(api: ScriptedApi, pauses):
    api.answers(refusal(503, "Not now."))
    with pytest.raises(ApiError, match=r"^Not now\.$"):
        api.client().task("task_1")
    assert pauses == [0.5, 1, 2, 4]
    assert len(api.asked) == 5


@pytest.mark.parametrize("status", [401, 403, 404, 409, 413, 422])
def test_a_refusal_is_the_apis_own_sentence_at_once(api: ScriptedApi, status):
    api.answers(refusal(status, "task_1 is completed: it can't be cancelled."))
    with pytest.raises(ApiError, match=r"^task_1 is completed: it can't be cancelled\.$") as raised:
        api.client().cancel("task_1")
    assert raised.value.status == status
    assert len(api.asked) == 1


def test_every_wrong_field_is_told(api: ScriptedApi):
    wrong = [
        {"field": "tasks[1].title", "message": "is required"},
        {"field": "tasks[1].\x1b[2J", "message": "is not a known field"},
    ]
    api.answers(refusal(422, "tasks[1].title is required (and 1 more).", wrong))
    with pytest.raises(ApiError) as raised:
        api.client().create({"tasks": [{}, {}]})
    assert api.asked[0].path == "/v1/tasks/batch"
    assert str(raised.value).splitlines() == [
        "tasks[1].title is required (and 1 more).",
        "  tasks[1].title is required",
        "  tasks[1].\\x1b[2J is not a known field",
    ]


def test_one_wrong_field_is_told_once(api: ScriptedApi):
    api.answers(refusal(422, "title is required.", [{"field": "title", "message": "is required"}]))
    with pytest.raises(ApiError, match=r"^title is required\.$"):
        api.client().create({})


def test_nothing_listening_is_told_at_once(api: ScriptedApi, pauses):
    client = api.client()
    api.stop()
    with pytest.raises(UnreachableError, match=f"^Nothing answers at {api.url}: {UP}.$"):
        client.task("task_1")
    with pytest.raises(UnreachableError):
        next(client.stream("task_1", 0))
    assert pauses == []


def test_what_answered_once_is_waited_for(api: ScriptedApi, make_task, pauses):
    client = api.client()
    api.answers(data(make_task()))
    client.task("task_1")
    api.stop()
    with pytest.raises(UnreachableError):
        client.task("task_1")
    assert pauses == [0.5, 1, 2, 4]


@pytest.mark.parametrize(
    "strange",
    [
        Answer(200, b"<html>"),
        Answer(404, b"not here"),
        Answer(200, b"[1]"),
        Answer(200, b'{"data": 1}'),
        Answer(301, b"", {"Location": "http://127.0.0.1:1/"}),
    ],
)
def test_another_server_is_recognised(api: ScriptedApi, strange):
    api.answers(strange)
    with pytest.raises(ClientError, match="is not the Kyros API"):
        api.client().task("task_1")


def test_an_id_stays_one_part_of_the_path(api: ScriptedApi, make_task):
    api.answers(data(make_task()))
    api.client().task("../agents?x#y")
    assert api.asked[0].path == "/v1/tasks/..%2Fagents%3Fx%23y"


def test_a_list_is_read_page_by_page(api: ScriptedApi):
    pages = [
        {"tasks": [{"id": n} for n in range(200)], "next_cursor": "c1", "has_more": True},
        {"tasks": [{"id": n} for n in range(200, 250)], "next_cursor": "c2", "has_more": True},
    ]
    api.answers(*(data(page) for page in pages))
    found = api.client().tasks({"q": "a b"}, 250)
    assert [task["id"] for task in found["tasks"]] == list(range(250))
    assert (found["next_cursor"], found["has_more"]) == ("c2", True)
    assert [asked.path for asked in api.asked] == [
        "/v1/tasks?q=a+b&limit=200",
        "/v1/tasks?q=a+b&limit=50&cursor=c1",
    ]


def test_integers_of_any_size_come_back_as_sent(api: ScriptedApi, make_task):
    large = 10**5000
    api.answers(lambda asked: data(make_task(metadata=asked.json["metadata"])))
    assert api.client().create({"metadata": {"n": large}})["metadata"] == {"n": large}


def test_a_stream_is_asked_for_from_the_event_after_the_last(api: ScriptedApi, make_task):
    api.answers(stream((8, make_task(8)), end=True))
    seen = list(api.client().stream("task_1", 7))
    assert [(event.seq, event.type) for event in seen] == [(8, "task.progress"), (0, "end")]
    assert seen[0].data["data"] == make_task(8)
    assert api.asked[0].headers["Last-Event-ID"] == "7"
