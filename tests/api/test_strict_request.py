import pytest
from flask import request
from flask_openapi3.openapi import OpenAPI

from api import errors
from api.answer import success
from api.strict_request import StrictRequest
from kyros_worker.schemas import Body, NoBody

MIB = 1024 * 1024


class Named(Body):
    name: str = ""


class _App(OpenAPI):
    request_class = StrictRequest


@pytest.fixture(scope="module")
def client():
    app = _App("small", doc_ui=False, validation_error_callback=errors.refuse_invalid)
    errors.register(app)

    def named(body: Named):
        return success(body.name)

    def nothing(body: NoBody):
        return success(request.get_json())

    app.post("/v1/tasks")(named)
    app.add_url_rule("/v1/tasks/batch", view_func=app.view_functions["named"], methods=["POST"])
    app.post("/v1/nothing")(nothing)
    return app.test_client()


def sized(size):
    body = b'{"name":""}'
    return body + b" " * (size - len(body))


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/v1/tasks", 2 * MIB, 200),
        ("/v1/tasks", 2 * MIB + 1, 413),
        ("/v1/tasks/batch", 2 * MIB + 1, 200),
        ("/v1/tasks/batch", 8 * MIB, 200),
        ("/v1/tasks/batch", 8 * MIB + 1, 413),
    ],
)
def test_limits(client, path, size, status):
    answer = client.post(path, data=sized(size), content_type="application/json")
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('APPLICATION/JSON;charset="UTF-8"', 200),
        ("application/json; v=1", 200),
        ("application/json; charset=latin-1", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/problem+json", 415),
        ("text/json", 415),
        ("nonsense", 415),
        (None, 415),
    ],
)
def test_content_types(client, content_type, status):
    answer = client.post("/v1/tasks", data=b'{"name":"x"}', content_type=content_type)
    assert answer.status_code == status
    if status == 415:
        assert answer.json["code"] == "unsupported_media_type"


@pytest.mark.parametrize(("encoding", "status"), [("identity", 200), ("gzip", 415), ("br", 415)])
def test_content_encodings(client, encoding, status):
    headers = {"Content-Encoding": encoding}
    answer = client.post("/v1/tasks", data=b"{}", content_type="application/json", headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"name": "a", "name": "b"}', 400),
        (b"\xff", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"[" * 100_000, 422),
        (b'{"name": NaN}', 422),
        (b'{"name": "\\u0000"}', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name": 5}', 422),
        (b'{"nam": "a"}', 422),
        (b'{"name": null}', 200),
        (b"[]", 422),
        (b"null", 422),
        (b"5", 422),
        (b'"{\\"name\\": \\"a\\"}"', 422),
    ],
)
def test_bodies(client, body, status):
    answer = client.post("/v1/tasks", data=body, content_type="application/json")
    assert answer.status_code == status, answer.text
    assert answer.json["success"] == (status == 200)


def test_no_body(client):
    assert client.post("/v1/tasks").status_code == 422
    assert client.post("/v1/tasks", content_type="application/json").status_code == 422
    assert client.post("/v1/nothing").status_code == 200
    assert client.post("/v1/nothing", content_type="text/plain").status_code == 200
    assert client.post("/v1/nothing", json={}).status_code == 200
    assert client.post("/v1/nothing", json={"a": 1}).status_code == 422
    assert client.post("/v1/nothing", data=b"x").status_code == 415
