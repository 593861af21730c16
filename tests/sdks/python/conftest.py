import sys
from collections.abc import Iterator

import pytest

from kyros import KyrosClient
from tests.sdks.python.scripted_server import KEY, ScriptedServer


@pytest.fixture(scope="session")
def _server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def _usual_integers() -> Iterator[None]:
    """As in a user's Python: `kyros_worker.strict_json` has ours read longer ones."""
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(sys.int_info.default_max_str_digits)
    yield
    sys.set_int_max_str_digits(digits)


@pytest.fixture
def server(_server: ScriptedServer) -> ScriptedServer:
    _server.answers()
    return _server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[KyrosClient]:
    with KyrosClient(KEY, server.url, timeout=10) as client:
        yield client
