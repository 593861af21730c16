"""The lines of a real gunicorn: one a request, each a JSON object, none with a secret."""

import json
import socket
from contextlib import closing

import httpx
import pytest
from flask import request

from kyros_worker.command.ports import free_port
from kyros_worker.log import NOTED
from tests.serving import serving

CANARY = "CANARY"


@pytest.fixture(scope="module")
def lines(schema, tmp_path_factory):
    """What a server wrote from its start to its stop, by the path of its requests."""
    log = tmp_path_factory.mktemp("log") / "api.log"
    # Nothing listens there, which is said once: where a failed sign-in is to be counted.
    away = f"redis://127.0.0.1:{free_port()}/0"
    with (
        log.open("wb") as output,
        serving(output, KYROS_LOG_FORMAT="json", REDIS_URL=away) as (_, port),
    ):
        _ask(port)
    assert CANARY not in log.read_text()
    return [json.loads(line) for line in log.read_text().splitlines()]


def _ask(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        secret = {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}"}
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        http.get(f"/v1/tasks?q={CANARY}", headers=secret | {"traceparent": trace})
        http.get("/v1/tasks/task_1", headers={"traceparent": trace.replace("0af7", "0AF7")})
        http.get("/a%0aforged", headers={"X-Request-Id": "mine"})
        http.delete(f"/v1/api-keys/kyros_live_{CANARY}{CANARY}", headers=secret)
        form = {"client_id": CANARY, "client_secret": CANARY, "grant_type": "client_credentials"}
        http.post("/auth/oauth2/token", data=form, headers={"X-Request-Id": "program"})
    for sent in (
        f"GET /?q={CANARY} HTTP/1.1\r\nHost: a\r\nBad Name: {CANARY}\r\n\r\n",
        f"GET /?q={CANARY} {CANARY} HTTP/1.1\r\nHost: a\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {CANARY}\r\n\r\n",
        f"POST /v1/tasks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n",
    ):
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as raw:
            raw.sendall(sent.encode())
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass


def _of(lines, path):
    found = [line for line in lines if (line.get("path"), line.get("method")) == (path, "GET")]
    (line,) = found
    return line


def test_a_request_is_one_line_without_query_header_or_credential(lines):
    line = _of(lines, "/v1/tasks")
    assert line["request_id"].startswith("req_")
    assert line["duration_ms"] >= 0
    assert {
        name: line[name]
        for name in ("level", "event", "method", "status", "route", "credential", "address")
    } == {
        "level": "info", "event": "request", "method": "GET", "status": 401,
        "route": "/v1/tasks", "credential": None, "address": "127.0.0.1",
    }  # fmt: skip


def test_the_id_of_a_sane_trace_is_kept(lines):
    assert _of(lines, "/v1/tasks")["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "trace_id" not in _of(lines, "/v1/tasks/task_1")


def test_the_route_is_the_template(lines):
    assert _of(lines, "/v1/tasks/task_1")["route"] == "/v1/tasks/<task_id>"
    line = _of(lines, "/a\nforged")
    assert (line["route"], line["request_id"]) == (None, "mine")


def test_the_credential_is_named_by_its_id(app, admin, new_key):
    with app.test_client() as client:
        client.get("/v1/tasks", headers=admin)
        noted = request.environ[NOTED]
    assert noted["credential"].startswith("api_key:key_")
    assert admin["Authorization"].split()[1] not in repr(noted)


def test_a_sentence_that_is_said_within_a_request_names_it(lines):
    (said,) = [line for line in lines if line["event"].startswith("Redis can't count requests")]
    assert said["request_id"] == "program"


def test_start_stop_and_what_can_not_be_read_are_lines_too(lines):
    told = [line["event"] for line in lines]
    assert any(one.startswith("Listening at") for one in told)
    assert "Invalid request from ip=127.0.0.1." in told
    assert told[-1].startswith("Shutting down")
