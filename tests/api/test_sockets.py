"""What only a real server and real sockets show."""

import json
import socket
import subprocess
import time
from contextlib import ExitStack, suppress

import httpx
import pytest

from kyros_worker.database import transaction
from tests.programs import needed
from tests.serving import serving

MIB = 1024 * 1024


def url(server, path):
    return f"http://{server[0]}:{server[1]}{path}"


def exchange(server, sent):
    with socket.create_connection(server, timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def head(admin, *lines, path="/v1/api-keys"):
    authorization = f"Authorization: {admin['Authorization']}"
    first = [f"POST {path} HTTP/1.1", "Host: kyros", "Content-Type: application/json"]
    return "\r\n".join([*first, authorization, *lines, "", ""]).encode()


@pytest.mark.parametrize("size", [3 * MIB, 10_000_000, 30_000_000])
def test_a_client_still_sending_reads_the_413(server, admin, size):
    headers = {**admin, "Content-Type": "application/json"}
    answer = httpx.post(url(server, "/v1/api-keys"), content=b"a" * size, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    pieces = (b"a" * 65_536 for _ in range(size // 65_536))
    answer = httpx.post(url(server, "/v1/api-keys"), content=pieces, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(("path", "status"), [("/v1/api-keys", 401), ("/v1/nothing", 404)])
def test_other_refusals_are_read_too_and_the_connection_lives(server, schema, path, status):
    with httpx.Client() as client:
        for _ in range(3):
            assert client.post(url(server, path), content=b"a" * 10_000_000).status_code == status
            assert client.get(url(server, "/healthz")).status_code == 200


@pytest.mark.parametrize(
    "header", ["Expect: 100-continue", "Expect:", "Transfer-Encoding: chunked"]
)
def test_curl_reads_the_413(server, admin, tmp_path, header):
    needed("curl")
    body = tmp_path / "body"
    body.write_bytes(b"a" * 10_000_000)
    command = ["curl", "-sS", "--data-binary", f"@{body}", "-H", header]
    command += ["-H", "Content-Type: application/json"]
    command += ["-H", f"Authorization: {admin['Authorization']}", url(server, "/v1/api-keys")]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout)["code"] == "body_too_large"


def test_chunks_are_read(server, admin):
    body = b'{"name": "x", "permissions": ["admin"]}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    status, answer = exchange(server, head(admin, "Transfer-Encoding: chunked") + chunks)
    assert (status, answer["data"]["name"]) == (201, "x")
    assert exchange(server, head(admin, "Transfer-Encoding: chunked") + b"0\r\n\r\n")[0] == 422


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("Transfer-Encoding: chunked", b"ZZ\r\n"),
        ("Transfer-Encoding: chunked", b'5\r\n{"a"'),
        ("Transfer-Encoding: chunked", b"1\r\n{XX"),
        ("Content-Length: 50", b'{"a"'),
    ],
)
def test_a_body_that_breaks_off_is_400(server, admin, line, body):
    status, answer = exchange(server, head(admin, line) + body)
    assert (status, answer["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("//v1//api-keys", 200),
        ("/v1/v1/api-keys/", 200),
        ("/v1/api-keys?limit=%00", 422),
        ("/v1/api-keys?limit=%FF", 422),
        ("/v1/api-keys?%00=1", 422),
        ("/v1/api-keys?cursor=%ED%A0%80", 422),
        ("/v1/api-keys?limit=1&limit=1", 422),
        ("/v1/api-keys?limt=1", 422),
        ("/v1/api-keys/key_%00", 404),
        ("/v1/%00", 404),
        ("/v1/%FF%FE", 404),
    ],
)
def test_odd_urls(server, admin, path, status):
    request = f"GET {path} HTTP/1.1\r\nHost: kyros\r\nConnection: close\r\n"
    request += f"Content-Type: application/json\r\nAuthorization: {admin['Authorization']}\r\n\r\n"
    assert exchange(server, request.encode())[0] == status


def test_a_get_with_a_content_type_and_no_body(server, admin):
    headers = {**admin, "Content-Type": "application/json"}
    assert httpx.get(url(server, "/v1/api-keys"), headers=headers).status_code == 200


def answers_to(server, sent, until_closed=20):
    """Everything that comes back until the server closes."""
    with socket.create_connection(server, timeout=until_closed) as connection:
        connection.sendall(sent)
        received = b""
        with suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                received += piece
    return received


SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 0", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Content-Length: 4", "Content-Length: 4"],
        ["Content-Length: 0", "Content-Length: 44"],
        ["Content-Length: 4, 4"],
        ["Content-Length: +4"],
        ["Content-Length: -4"],
        ["Content-Length: 0x4"],
        ["Content-Length: \xb2"],
        ["Content-Length : 4"],
        ["Transfer-Encoding: chunked, chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Transfer-Encoding : chunked"],
        ["X-One: 1", " Transfer-Encoding: chunked"],
        ["X-One: 1\r\n\tfolded"],
        ["X-One: 1\nTransfer-Encoding: chunked"],
        ["X-One: 1\x00"],
        ["Host: other"],
    ],
)
def test_what_two_servers_could_read_differently_is_refused(server, lines):
    """Once, and the connection is closed: what follows is not taken for a request."""
    head = "\r\n".join(["POST /v1/api-keys HTTP/1.1", "Host: kyros", *lines, "", ""])
    received = answers_to(server, head.encode("latin-1") + b"0\r\n\r\n" + SMUGGLED)
    assert received.split()[1] in (b"400", b"501")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "chunk", [b"0 \r\n\r\n", b"0x1\r\na\r\n", b"-1\r\n", b"1;\na\r\n0\r\n\r\n", b"1\r\nab\r\n"]
)
def test_a_chunk_that_could_be_read_differently(server, admin, chunk):
    received = answers_to(server, head(admin, "Transfer-Encoding: chunked") + chunk + SMUGGLED)
    assert received.split()[1] in (b"400", b"422")
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "line", ["X_Request_Id: smuggled", "X-Request_Id: smuggled", "Script_Name: /healthz",
             "SCRIPT_NAME: /v1", "PATH_INFO: /healthz"],
)  # fmt: skip
def test_headers_with_underscores_are_dropped(server, line):
    request = f"GET /v1/nothing HTTP/1.1\r\nHost: kyros\r\n{line}\r\nConnection: close\r\n\r\n"
    received = answers_to(server, request.encode())
    assert received.split()[1] == b"404"
    assert b"smuggled" not in received


def test_gunicorn_believes_no_proxy(server):
    """If it did, lines that contradict each other would be refused."""
    lines = "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off"
    request = f"GET /healthz HTTP/1.1\r\nHost: kyros\r\n{lines}\r\nConnection: close\r\n\r\n"
    assert answers_to(server, request.encode()).split()[1] == b"200"


@pytest.fixture(scope="module")
def hasty(schema):
    """A server with little patience and few threads."""
    with serving(KYROS_REQUEST_SECONDS="1.5") as address:
        yield address


def drip(server, first, piece):
    """Sends a byte now and then, without an end, until the server answers and closes."""
    with socket.create_connection(server, timeout=0.2) as connection:
        connection.sendall(first)
        received, until = b"", time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(piece)
            try:
                more = connection.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionResetError:
                return received
            if not more:
                return received
            received += more
    raise AssertionError("the server waits for ever")


def parts(received):
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, json.loads(body)


@pytest.mark.parametrize("first", [b"G", b"GET /healthz HTTP/1.1\r\nHost: kyros\r\nX-One: "])
def test_a_slow_head_is_given_up(hasty, first):
    status, top, answer = parts(drip(hasty, first, b"x"))
    assert (status, answer["code"], answer["success"]) == (408, "request_timeout", False)
    assert answer["request_id"].encode() in top
    assert b"Connection: close" in top


@pytest.mark.parametrize(
    ("line", "piece"),
    [("Content-Length: 100000", b" "), ("Transfer-Encoding: chunked", b"1\r\n \r\n")],
)
def test_a_slow_body_is_given_up(hasty, admin, line, piece):
    status, top, answer = parts(drip(hasty, head(admin, line), piece))
    assert (status, answer["code"]) == (408, "request_timeout")
    assert b"connection: close" in top.lower()


def test_a_slow_body_that_nobody_reads_is_given_up(hasty):
    first = b"POST /v1/nothing HTTP/1.1\r\nHost: kyros\r\nContent-Length: 100000\r\n\r\n"
    assert parts(drip(hasty, first, b" "))[0] == 404


def test_the_next_request_of_a_connection_has_its_own_time(hasty):
    with httpx.Client(base_url=url(hasty, "")) as client:
        for _ in range(3):
            assert client.get("/healthz").status_code == 200
            time.sleep(0.8)


def test_slow_clients_stop_nobody_else(hasty):
    """Each holds a thread for the while that it has; that it never closes holds up nobody."""
    with ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(hasty, timeout=60)) for _ in range(24)]
        for connection in slow:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nX-One: ")
        for connection in slow:
            assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")
        assert httpx.get(url(hasty, "/healthz"), timeout=30).status_code == 200


def test_a_client_that_does_not_read_is_given_up(hasty):
    """The bundle of the page is larger than what the system takes over."""
    with ExitStack() as stack:
        for _ in range(8):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(hasty)
            request = b"GET /docs/js/swagger-ui-bundle.js HTTP/1.1\r\nHost: kyros\r\n\r\n"
            connection.sendall(request * 20)
        assert httpx.get(url(hasty, "/healthz"), timeout=30).status_code == 200


def test_a_statement_that_waits_too_long_is_ended(hasty, admin, no_tasks):
    body = {"enabled": False, "message": "A move."}
    path = url(hasty, "/v1/system/maintenance")
    assert httpx.post(path, json=body, headers=admin).status_code == 200
    with transaction() as connection:
        connection.exec_driver_sql("LOCK TABLE maintenance")
        answer = httpx.post(path, json=body, headers=admin, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
