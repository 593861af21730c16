import logging

import pytest
from flask import Flask, abort
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api import errors, wording
from kyros_worker.errors import ConflictError, FieldError, InvalidError, NotFoundError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    title: str = Field(min_length=2, max_length=5)
    count: int = Field(3, ge=1, le=200)


class Outer(BaseModel):
    tasks: list[Inner] = Field(max_length=4)


def raising(error):
    app = Flask("raising")
    errors.register(app)

    def view():
        raise error

    app.add_url_rule("/", view_func=view)
    return app.test_client().get("/")


def test_the_envelope():
    answer = raising(
        InvalidError("title is required.", details=[FieldError("title", "is required")])
    )
    assert answer.status_code == 422
    assert answer.json == {
        "success": False,
        "error": "title is required.",
        "code": "validation_failed",
        "details": [{"field": "title", "message": "is required"}],
        "request_id": answer.json["request_id"],
    }


def test_data_code_and_headers_of_an_error():
    answer = raising(
        NotFoundError("No such task.", data={"status": "failed", "error": "No such task."})
    )
    assert answer.json["data"] == {"status": "failed", "error": "No such task."}
    answer = raising(ConflictError("Busy.", code="busy", headers={"Retry-After": "2"}))
    assert (answer.json["code"], answer.headers["Retry-After"]) == ("busy", "2")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503])
def test_what_the_framework_refuses(status):
    try:
        abort(status)
    except Exception as error:
        answer = raising(error)
    assert answer.status_code == status
    assert answer.json["success"] is False
    assert answer.json["error"].endswith(".")
    assert answer.json["code"].isidentifier()
    assert ("data" in answer.json) == (status == 429 or status >= 500)
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT 1", {}, Exception("secret")), PoolTimeoutError("full")]
)
def test_the_database_is_away(error):
    answer = raising(error)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "SELECT" not in answer.text
    assert "secret" not in answer.text


def test_anything_else_is_logged_and_told_without_its_inside(caplog):
    with caplog.at_level(logging.ERROR):
        answer = raising(ZeroDivisionError("the inside"))
    assert answer.status_code == 500
    assert answer.json["code"] == "internal_error"
    assert answer.json["data"] == {}
    assert "inside" not in answer.text
    assert "Traceback" in caplog.text
    assert caplog.records[-1].request_id == answer.json["request_id"]


def found(value):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    return wording.field_errors(caught.value)


def test_every_wrong_field_is_named_with_its_place():
    wrong = found(
        {"tasks": [{"title": "x"}, {}, {"title": 5, "count": "7"}, {"title": "ok", "y": 1}]}
    )
    assert wrong == [
        FieldError("tasks[0].title", "must have at least 2 characters"),
        FieldError("tasks[1].title", "is required"),
        FieldError("tasks[2].title", "must be a string"),
        FieldError("tasks[2].count", "must be a whole number"),
        FieldError("tasks[3].y", "is not a known field"),
    ]
    assert wording.sentence(wrong[0], len(wrong)) == (
        "tasks[0].title must have at least 2 characters (and 4 more)."
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"tasks": {}}, "must be a list"),
        ({"tasks": [5]}, "must be an object"),
        ({"tasks": [{"title": "ab", "count": 0}]}, "must be greater than or equal to 1"),
        ({"tasks": [{"title": "ab"}] * 5}, "must have at most 4 items"),
        (5, "must be an object"),
    ],
)
def test_words(value, words):
    assert found(value)[0].message == words


def test_lists_and_names_are_bounded():
    wrong = found({"tasks": [{"title": "ab", **{f"{'k' * 900}{n}": 1 for n in range(2000)}}]})
    assert len(wrong) == wording.MAX_LISTED
    assert len(wrong[0].field) < 300
