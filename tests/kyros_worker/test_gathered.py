"""A thread that takes what came meanwhile, all of it at once."""

import threading

from kyros_worker.gathered import Gathered
from tests.eventually import eventually


class Handler:
    """Keeps what it was given; is held until it is let go."""

    def __init__(self):
        self.groups, self.free, self.came = [], threading.Event(), threading.Event()
        self.free.set()

    def __call__(self, items):
        self.came.set()
        assert self.free.wait(20)
        self.groups.append(items)
        if "wrong" in items:
            raise ValueError("a bug")


def wait_for(handler, count):
    eventually(lambda: sum(map(len, handler.groups)) == count, 20, f"{count} are handled")


def test_a_lone_item_waits_for_nobody():
    handler = Handler()
    gathered = Gathered(handler, "test", gather=60)
    gathered.put(1)
    wait_for(handler, 1)
    gathered.put(2)
    wait_for(handler, 2)
    assert handler.groups == [[1], [2]]


def test_what_comes_meanwhile_is_handled_together_in_its_order():
    handler = Handler()
    gathered = Gathered(handler, "test")
    handler.free.clear()
    gathered.put(0)
    assert handler.came.wait(20)
    for item in range(1, 251):
        gathered.put(item)
    handler.free.set()
    wait_for(handler, 251)
    assert [len(group) for group in handler.groups] == [1, 100, 100, 50]
    assert [item for group in handler.groups for item in group] == list(range(251))


def test_it_outlives_a_fault():
    handler = Handler()
    gathered = Gathered(handler, "test")
    gathered.put("wrong")
    wait_for(handler, 1)
    gathered.put("right")
    wait_for(handler, 2)
