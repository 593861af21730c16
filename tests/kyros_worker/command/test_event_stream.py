import pytest

from kyros_worker.command.event_stream import Event, events

STREAM = (
    ": here it comes\n\n"
    'id: 1\nevent: task.created\ndata: {"title":"a\u2028b\x85c\x0bd"}\n\n'
    ": still here\n\n"
    'id:2\r\nevent:task.progress\r\ndata:{"n":\r\ndata: 1}\r\n\r\n'
    "event: end\ndata: {}\n\n"
    'id: 3\nevent: cut.off\ndata: {"half'
).encode()
EVENTS = [
    Event(1, "task.created", {"title": "a\u2028b\x85c\x0bd"}),
    Event(2, "task.progress", {"n": 1}),
    Event(0, "end", {}),
]


# A control character inside a string is no JSON: U+000B never comes, but must not end a line.
STREAM = STREAM.replace(b"\x0b", b"\\u000b")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_events_are_the_same_however_the_bytes_come(size):
    chunks = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert list(events(chunks)) == EVENTS


@pytest.mark.parametrize("text", [b"data: {\n\n", b"id: x\ndata: {}\n\n", b"data: \xff\n\n"])
def test_what_is_no_event_of_this_api_is_refused(text):
    with pytest.raises(ValueError):
        list(events([text]))


def test_an_event_without_data_is_none():
    assert list(events([b"id: 1\nevent: task.created\n\n"])) == []
