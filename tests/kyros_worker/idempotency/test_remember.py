import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from kyros_worker.database import read, transaction
from kyros_worker.errors import ConflictError
from kyros_worker.idempotency import remember
from kyros_worker.idempotency.remember import Answer, Asked, Made, body_hash, expire, once
from kyros_worker.idempotency.tables import IdempotencyKey
from tests.at_once import at_once

pytestmark = pytest.mark.usefixtures("no_keys")


def asked(key="k", credential="key_1", route="POST /v1/tasks", body=None):
    return Asked(credential, route, key, body_hash("/v1/tasks", body or {"title": "x"}))


class Work:
    """Counts how often it is done."""

    def __init__(self, seconds=0.0, error=None):
        self.begun = threading.Event()
        self.done = 0
        self.seconds = seconds
        self.error = error

    def __call__(self, connection):
        self.begun.set()
        self.done += 1
        time.sleep(self.seconds)
        if self.error:
            raise self.error
        return Made({"number": self.done, "secret": "s"}, secret_fields=("secret",))


def kept():
    with read() as connection:
        return connection.execute(select(func.count()).select_from(IdempotencyKey)).scalar()


def test_without_a_key_it_is_simply_done():
    work = Work()
    assert once(None, work) == Answer(201, '{"number":1,"secret":"s"}')
    assert once(None, work).data == '{"number":2,"secret":"s"}'
    assert kept() == 0


def test_done_once_and_replayed_without_the_secret():
    work = Work()
    assert once(asked(), work) == Answer(201, '{"number":1,"secret":"s"}')
    again = Answer(201, '{"number":1,"secret":null}', replayed=True)
    assert once(asked(), work) == once(asked(), work) == again
    assert work.done == 1


def test_keys_belong_to_a_credential_and_a_route():
    work = Work()
    once(asked(), work)
    once(asked(credential="key_2"), work)
    once(asked(route="POST /v1/api-keys"), work)
    once(asked(key="K"), work)
    assert work.done == 4


def test_another_body_is_refused():
    work = Work()
    once(asked(), work)
    with pytest.raises(ConflictError) as caught:
        once(asked(body={"title": "y"}), work)
    assert (caught.value.code, work.done) == ("idempotency_mismatch", 1)


def test_the_hash_is_of_path_and_meaning():
    assert body_hash("/a", {"a": 1, "b": 2}) == body_hash("/a", {"b": 2, "a": 1})
    assert body_hash("/a", {}) != body_hash("/b", {})
    assert body_hash("/a", {}) != body_hash("/a", None)


def test_a_failure_leaves_nothing():
    with pytest.raises(ZeroDivisionError):
        once(asked(), Work(error=ZeroDivisionError()))
    assert kept() == 0
    work = Work()
    assert not once(asked(), work).replayed


def test_of_many_at_once_one_works_and_the_others_get_its_answer():
    work = Work(seconds=0.5)
    answers = at_once(lambda _: once(asked(), work), range(8))
    assert work.done == 1
    assert sorted(answer.replayed for answer in answers) == [False] + [True] * 7
    assert {answer.status for answer in answers} == {201}


def test_when_the_first_fails_the_waiting_one_works():
    slow, second = Work(seconds=0.5, error=ZeroDivisionError()), Work()
    with ThreadPoolExecutor(2) as pool:
        failing = pool.submit(once, asked(), slow)
        assert slow.begun.wait(20)
        assert not pool.submit(once, asked(), second).result().replayed
        assert isinstance(failing.exception(), ZeroDivisionError)
    assert second.done == 1


def test_waiting_has_an_end(monkeypatch):
    monkeypatch.setattr(remember, "_WAIT", text("SET LOCAL lock_timeout = '1s'"))
    begun, release = threading.Event(), threading.Event()

    def slow(connection):
        begun.set()
        release.wait(20)
        return Made({})

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(once, asked(), slow)
        assert begun.wait(20)
        with pytest.raises(ConflictError) as caught:
            once(asked(), Work())
        release.set()
        assert not first.result().replayed
    assert caught.value.code == "idempotency_in_progress"
    assert int(caught.value.headers["Retry-After"]) > 0


def test_after_a_day_it_is_new():
    work = Work()
    once(asked(), work)
    age(timedelta(hours=23, minutes=59))
    assert once(asked(body={"title": "x"}), work).replayed
    age(timedelta(minutes=2))
    assert not once(asked(body={"title": "other"}), work).replayed
    assert once(asked(body={"title": "other"}), work).replayed


def test_expire_deletes_the_old_ones_alone():
    for key in "abc":
        once(asked(key), Work())
    age(timedelta(hours=25))
    once(asked("new"), Work())
    with transaction() as connection:
        assert expire(connection, 2) == 2
        assert expire(connection, 2) == 1
        assert expire(connection, 2) == 0
    assert kept() == 1
    assert once(asked("new"), Work()).replayed


def age(by):
    with transaction() as connection:
        connection.execute(update(IdempotencyKey).values(created_at=IdempotencyKey.created_at - by))
