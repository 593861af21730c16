import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kyros_worker.errors import InvalidError, UnavailableError
from kyros_worker.user import password
from kyros_worker.user.password import (
    check_password,
    hash_password,
    is_password,
    make_password,
    must_hash_again,
)
from tests.eventually import eventually

pytestmark = pytest.mark.usefixtures("passwords_at_their_cost")

#: Of "four plain words here", by argon2-cffi with other parameters (1 pass, 8 MiB, 1 lane).
OLDER = "$argon2id$v=19$m=8192,t=1,p=1$"


def test_a_hash_is_of_its_password_alone():
    made = hash_password("four plain words here")
    assert made.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert made != hash_password("four plain words here")
    assert is_password("four plain words here", made)
    assert not is_password("four plain words herE", made)
    assert not is_password("", made)
    assert not must_hash_again(made)


def test_parameters_of_before():
    from argon2 import PasswordHasher

    older = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("as it was long ago")
    assert older.startswith(OLDER)
    assert is_password("as it was long ago", older)
    assert must_hash_again(older)


@pytest.mark.parametrize("stored", [None, "", "nonsense", "$argon2id$v=19$m=1,t=1,p=1$x$y"])
def test_nobodys(stored):
    assert not is_password("nobody's", stored)


def test_without_a_hash_the_work_is_done_all_the_same(monkeypatch):
    checked = []

    class Hasher:
        def verify(self, hashed, _):
            checked.append(hashed)
            return True

    monkeypatch.setattr(password, "_HASHER", Hasher())
    monkeypatch.setattr(password, "_of_nobody", lambda: "a hash")
    assert not is_password("whatever", None)
    assert checked == ["a hash"]


@pytest.mark.parametrize("typed", ["\x00" * 20, "\ud800" * 20, "ü" * 512, "\U0001d552" * 256])
def test_any_text_can_be_hashed(typed):
    assert is_password(typed, hash_password(typed))


def test_the_same_text_typed_on_another_keyboard():
    assert is_password("schlu\u0308ssel im schloss", hash_password("schl\u00fcssel im schloss"))


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "12 characters"),
        ("eleven char", "12 characters"),
        ("\u043f\u0430\u0440\u043e\u043b\u044c", "12 characters"),
        ("密码密码密码密码密码密", "12 characters"),
        # Eleven of what can be written as one or as two.
        ("u\u0308" * 10 + "a", "12 characters"),
        ("x" * 1025, "1024 bytes"),
        ("ü" * 513, "1024 bytes"),
        ("aaaaaaaaaaaaaaaa", "one character"),
        ("Josephine@Example.com", "address or the name"),
        ("  josephine@example.com ", "address or the name"),
        ("josephine of nowhere", "address or the name"),
    ],
)
def test_what_is_not_good_enough(typed, reason):
    with pytest.raises(InvalidError, match=reason) as caught:
        check_password(typed, email="josephine@example.com", name="Josephine of Nowhere")
    assert [one.field for one in caught.value.details] == ["password"]


@pytest.mark.parametrize(
    "typed",
    [
        "twelve chars",
        "ü" * 11 + "a",
        "123456789012",
        "x" * 1023 + "y",
        pytest.param(make_password(), id="made"),
    ],
)
def test_what_is_good_enough(typed):
    check_password(typed, email="jo@example.com", name="Jo")


def test_made_ones_differ():
    assert len({make_password() for _ in range(100)}) == 100


def test_only_a_few_wait(monkeypatch):
    """Whoever comes beyond those is told so at once, however long the others have to wait."""
    monkeypatch.setattr(password, "_PLACES", threading.BoundedSemaphore(3))
    monkeypatch.setattr(password, "_AT_ONCE", threading.BoundedSemaphore(1))
    monkeypatch.setattr(password, "_PATIENCE_SECONDS", 60)
    with ThreadPoolExecutor(2) as pool:
        with password._turn():
            waiting = [pool.submit(hash_password, "four plain words here") for _ in range(2)]
            eventually(lambda: not password._PLACES._value, 10, "they have come to wait")
            with pytest.raises(UnavailableError) as caught:
                is_password("four plain words here", None)
            assert caught.value.headers["Retry-After"]
        assert all(one.result(30) for one in waiting)
    hash_password("four plain words here")


def test_only_a_few_are_hashed_at_once(monkeypatch):
    monkeypatch.setattr(password, "_AT_ONCE", threading.BoundedSemaphore(1))
    monkeypatch.setattr(password, "_PATIENCE_SECONDS", 0.01)
    with password._turn(), pytest.raises(UnavailableError) as caught:
        hash_password("four plain words here")
    assert caught.value.headers["Retry-After"]
    hash_password("four plain words here")
