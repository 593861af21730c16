"""What only a real server and real sockets show."""

import json
import shutil
import socket
import subprocess

import httpx
import pytest

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


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(
    "header", ["Expect: 100-continue", "Expect:", "Transfer-Encoding: chunked"]
)
def test_curl_reads_the_413(server, admin, tmp_path, header):
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
        ("/v1/api-keys/key_%00", 405),
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
