"""One stack for all acceptance tests, whole again before each of them and checked after it."""

from collections.abc import Iterator

import pytest

from kyros_worker.command.supervise import Gone
from tests.acceptance.invariants import invariants
from tests.acceptance.stack import Deployment
from tests.eventually import eventually


@pytest.fixture(scope="package")
def _deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("acceptance"))
    try:
        yield deployment
    finally:
        deployment.down()


@pytest.fixture
def stack(_deployment: Deployment) -> Iterator[Deployment]:
    """A running stack whose three fleets all work; afterwards the invariants hold."""
    make_whole(_deployment)
    yield _deployment
    invariants(_deployment.database_url)


def make_whole(deployment: Deployment) -> None:
    """Starts what is not running as usual, and sees a task through all three roles."""
    if not deployment.usual:
        deployment.down()
    if not _runs(deployment):
        deployment.up()
    eventually(lambda: all(state.running for state in deployment.states().values()), 60, "all run")
    eventually(deployment.is_healthy, 60, "it is healthy")
    deployment.wait_final(deployment.create(), seconds=60)
    # What a failed test left would fail this one too.
    eventually(deployment.all_final, 90, "all work is done")


def _runs(deployment: Deployment) -> bool:
    try:
        return bool(deployment.states()) and deployment.home.stack.exists()
    except Gone:
        return False
