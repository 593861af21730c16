"""`Idempotency-Key` on the calls that create tasks."""

import pytest
from sqlalchemy import func, select

from kyros_worker.database import read
from kyros_worker.task.tables import Task
from tests import factories
from tests.at_once import at_once
from tests.credentials import bearer

pytestmark = pytest.mark.usefixtures("no_tasks")

NEW = {
    "title": "Add a login",
    "priority": "high",
    "metadata": {"sandbox": {"delay_seconds": 0}},
}
BATCH = {"tasks": [NEW, NEW]}


def count():
    with read() as connection:
        return connection.execute(select(func.count()).select_from(Task)).scalar_one()


@pytest.fixture
def post(app, admin):
    def post(body=None, key="one", path="/v1/tasks", headers=admin):
        headers = {**headers, "Idempotency-Key": key}
        return app.test_client().post(path, headers=headers, json=NEW if body is None else body)

    return post


@pytest.mark.parametrize(("path", "body", "made"), [("/v1/tasks", NEW, 1),
                                                    ("/v1/tasks/batch", BATCH, 2)])  # fmt: skip
def test_a_replay_is_the_first_answer(post, path, body, made):
    first, again = (post(body, path=path) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert count() == made


def test_the_answer_is_the_first_one_even_when_the_task_has_changed(post, client, admin):
    first = post()
    factories.run(first.json["data"]["id"])
    assert post().json["data"]["state"] == "queued"


def test_the_order_of_keys_and_the_path_s_spelling_make_no_difference(post):
    first = post({"title": "x", "priority": "low"})
    again = post({"priority": "low", "title": "x"}, path="/v1/v1/tasks/")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json == again.json


def test_another_body(post):
    post()
    answer = post({"title": "another"})
    assert (answer.status_code, answer.json["code"]) == (409, "idempotency_mismatch")
    assert count() == 1


def test_keys_belong_to_a_credential_and_a_route(post, new_key):
    other = bearer(new_key("admin")["key"])
    answers = [post(), post(headers=other), post(BATCH, path="/v1/tasks/batch")]
    assert [one.status_code for one in answers] == [201] * 3
    assert count() == 4


@pytest.mark.parametrize("body", [{"title": ""}, {"title": "x", "metadata": {"sandbox": 1}}])
def test_after_a_failure_the_key_is_free(post, body):
    assert post(body).status_code == 422
    assert post().status_code == 201
    assert count() == 1


def test_two_at_once(post):
    for turn in range(5):
        answers = at_once(lambda key: post(key=key), [f"key {turn}"] * 4)
        assert {one.status_code for one in answers} == {201}
        assert len({one.json["data"]["id"] for one in answers}) == 1
        assert sum("Idempotent-Replayed" not in one.headers for one in answers) == 1
        assert count() == turn + 1


@pytest.mark.parametrize("act", ["cancel", "retry"])
def test_cancel_and_retry_once(post, act):
    task_id = factories.in_state("queued" if act == "cancel" else "failed")
    path = f"/v1/tasks/{task_id}/{act}"
    first, again = (post({}, path=path) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json == again.json
    assert post({}, key="another", path=path).status_code == 409


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb"])
def test_wrong_keys(post, key):
    answer = post(key=key.encode().decode("latin-1"))
    assert answer.status_code == 422
    assert answer.json["details"][0]["field"] == "Idempotency-Key"
    assert count() == 0
