import pytest

from kyros_worker.auth import api_key
from kyros_worker.auth.authenticate import authenticate
from kyros_worker.auth.first_key import first_key
from kyros_worker.database import transaction
from kyros_worker.settings import current
from tests.at_once import at_once
from tests.keys import well_formed


def settings(key):
    return current().model_copy(update={"bootstrap_api_key": key})


def make(settings):
    with transaction() as connection:
        return first_key(connection, settings)


def test_one_is_made_once(no_keys):
    key = make(settings(None))
    assert well_formed(key)
    assert api_key.mode_of(key) == ("test" if current().test_mode else "live")
    subject = authenticate(key)
    assert subject.permissions == {"admin"}
    assert make(settings(None)) is None


@pytest.mark.parametrize("mode", ["test", "live"])
def test_the_given_one_is_taken(no_keys, mode):
    given = f"kyros_{mode}_" + "any string of one's own, long enough"
    assert make(settings(given)) == given
    assert authenticate(given).mode == mode


def test_not_where_there_are_keys(new_key):
    new_key("tasks:read")
    assert make(settings("kyros_test_" + "x" * 32)) is None


def test_two_at_once_make_one(no_keys):
    made = at_once(make, [settings(None)] * 8)
    assert len([key for key in made if key]) == 1
