"""Doing things at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor


def at_once(act, items):
    """What a function gives for each item, in a thread for each; all begin at the same moment."""
    items = list(items)
    ready = threading.Barrier(len(items))

    def begin(item):
        ready.wait()
        return act(item)

    with ThreadPoolExecutor(len(items)) as threads:
        return list(threads.map(begin, items))
