"""What the shared cases can't say of a client: its options, its tries, its errors, its log."""

import math
from datetime import UTC, datetime
from unittest.mock import patch

import httpx
import pytest

import kyros
import kyros.client
from kyros import KyrosClient, errors, retry
from tests.sdks.python.scripted_server import KEY, data


def test_a_list_can_be_read_again(client, server):
    server.always = lambda _: data({"tasks": [{"id": "task_1"}], "has_more": False})
    tasks = client.tasks.list()
    assert [task.id for task in tasks] == [task.id for task in tasks] == ["task_1"]
    (page,) = tasks.pages()
    assert len(page) == 1


def test_without_an_address_it_is_this_machines_own_stack(monkeypatch):
    monkeypatch.delenv("KYROS_API_URL", raising=False)
    with KyrosClient(KEY, max_retries=0) as client:
        assert client._api._url == "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize("wrong", [0, -1, math.nan, math.inf, 1e10])
def test_times_that_no_client_can_wait(wrong):
    with pytest.raises(ValueError, match="timeout"):
        KyrosClient(KEY, timeout=wrong)


@pytest.mark.parametrize("wrong", [-1, 1.5, math.nan, math.inf])
def test_retries_are_counted(wrong):
    with pytest.raises(ValueError, match="max_retries"):
        KyrosClient(KEY, max_retries=wrong)


@pytest.mark.parametrize("inside", ["\n", "\t", "\r", " ", "\u00a0", "\0"])
def test_an_address_has_no_blank_inside(inside):
    with pytest.raises(ValueError, match="base_url"):
        KyrosClient(KEY, f"http://a.test{inside}/x")


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://v1", "http://v1/v1"),
        ("http://v1/", "http://v1/v1"),
        ("http://v1/v1/", "http://v1/v1"),
        ("http://v1:80", "http://v1:80/v1"),
    ],
)
def test_a_host_may_be_called_v1(given, asked):
    with KyrosClient(KEY, given) as client:
        assert client._api._url == asked


@pytest.mark.parametrize("wrong", ["", "1\n", "-1", "a", "1, 2", -1])
def test_an_event_that_is_none_is_refused_before_anything_is_sent(client, server, wrong):
    with pytest.raises(ValueError, match="last_event_id"):
        next(client.tasks.stream("task_1", last_event_id=wrong))
    assert not server.asked


def test_after_any_number_of_tries_a_pause_is_one():
    error = errors.ServerError("", status=500)
    assert retry.pause(error, 5000, 10_000, 1.0) == 8


def test_a_stream_that_fell_silent_uses_up_a_try():
    broken = errors.APIConnectionError("", code="connection_failed")
    silent = errors.APITimeoutError("", code="timeout")
    assert not retry.begins_anew(broken, 9.9)
    assert retry.begins_anew(broken, 10.0)
    assert not retry.begins_anew(silent, 50.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 7),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 7),
        ("Sun Nov  6 08:49:37 1994", 7),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2027 00:00:00 +99999999999999999999", None),
        ("9" * 5000, None),
    ],
)
def test_retry_after(value, seconds):
    now = datetime(1994, 11, 6, 8, 49, 30, tzinfo=UTC).timestamp()
    assert retry.retry_after(value, now) == seconds


def test_errors_say_what_to_do(client, server):
    body = {"success": False, "error": "No.", "code": "some", "request_id": "req_1", "details": []}
    wrong = {**body, "details": [{"field": "title", "message": "is missing"}]}
    server.answers({"status": 401, "body": body}, {"status": 422, "body": wrong})
    with pytest.raises(errors.AuthenticationError) as refused:
        client.tasks.get("task_1")
    assert str(refused.value) == (
        "No. Check the API key (api_key, or KYROS_API_KEY). [HTTP 401, some, req_1]"
    )
    with pytest.raises(errors.ValidationError) as invalid:
        client.tasks.get("task_1")
    assert str(invalid.value) == "No. [HTTP 422, some, req_1]\n  title: is missing"


def test_what_broke_is_kept(server):
    server.answers({"close": True})
    with (
        KyrosClient(KEY, server.url, max_retries=0) as client,
        pytest.raises(errors.APIConnectionError) as broken,
    ):
        client.tasks.get("task_1")
    assert isinstance(broken.value.__cause__, httpx.RequestError)


def test_no_log_line_shows_the_key(client, server, caplog):
    server.answers({"status": 503, "headers": {"Retry-After": "0"}, "text": ""}, data({"id": "a"}))
    with caplog.at_level("DEBUG", "kyros"):
        client.tasks.get("task_1")
    assert "GET /v1/tasks/task_1: 503" in caplog.text
    assert "trying again in" in caplog.text
    assert KEY not in caplog.text


def test_clients_can_be_patched():
    """As the integration guide's test does."""
    with patch("kyros.KyrosClient") as client:
        assert kyros.KyrosClient is client
    assert kyros.KyrosClient is kyros.client.KyrosClient
