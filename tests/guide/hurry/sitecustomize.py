"""Loaded by Python before a sample: its pauses are short, its text is as printed."""

import time

_sleep = time.sleep
time.sleep = lambda seconds: _sleep(min(seconds, 0.3))
